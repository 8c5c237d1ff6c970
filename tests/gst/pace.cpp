// SPDX-License-Identifier: LGPL-2.1-or-later
// How long anomalydetect's frames take, and what it makes of that. No clock in here.
#include "gst/plugin/gstanomalydetectpace.h"

#include <gst/check/gstcheck.h>

using anomaly::DetectPace;

namespace {

constexpr GstClockTime kMs = GST_MSECOND;

// A pace with frames `spacing` milliseconds apart that take `cost`, for a while.
void settle(DetectPace& pace, GstClockTime& now, guint spacing, guint cost) {
  for (int i = 0; i < 200; ++i) {
    pace.arrived(now += spacing * kMs);
    pace.computed(cost * kMs, cost * kMs);
  }
}

}  // namespace

GST_START_TEST(test_pace) {
  static const struct {
    guint spacing, cost;
    int interval;
  } table[] = {{40, 1, 0},    {40, 36, 0},  {40, 37, 1},   {40, 72, 1},    {40, 73, 2},
               {40, 400, 11}, {33, 100, 3}, {1000, 40, 0}, {1, 5000, 1000}};
  for (const auto& row : table) {
    DetectPace pace;
    fail_unless_equals_int(pace.interval(), 0);
    fail_unless_equals_uint64(pace.expected(), 0);
    GstClockTime now = 0;
    settle(pace, now, row.spacing, row.cost);
    const int interval = pace.interval();
    fail_unless(interval == row.interval, "%u ms every %u ms: %d", row.cost, row.spacing, interval);
    const gint64 off = static_cast<gint64>(pace.expected()) - static_cast<gint64>(row.cost * kMs);
    fail_unless(ABS(off) <= 1000, "%" G_GINT64_FORMAT, off);
    // One computed frame in so many has the time that it takes.
    if (interval < 1000) fail_unless(row.cost <= DetectPace::kFull * (interval + 1) * row.spacing + 1e-6);
  }
}
GST_END_TEST

// Frames that keep those after them from coming in.
GST_START_TEST(test_pace_backlog) {
  DetectPace pace;
  GstClockTime now = 0;
  const auto next = [&](guint spacing, guint busy, guint idle = 0) {
    pace.arrived(now += spacing * kMs, busy * kMs, idle * kMs);
    return static_cast<guint>(pace.backlog() / kMs);
  };
  fail_unless_equals_int(next(40, 500), 0);  // no frame has come before it
  fail_unless_equals_int(next(40, 40), 0);
  fail_unless_equals_int(next(40, 70), 30);
  fail_unless_equals_int(next(40, 70), 60);
  fail_unless_equals_int(next(40, 0), 20);
  fail_unless_equals_int(next(40, 0), 0);
  fail_unless_equals_int(next(40, 0), 0);
  // A thread that goes on a little later has been held up as well; one that had nothing to do has not.
  fail_unless_equals_int(next(40, 50, 3), 13);
  fail_unless_equals_int(next(40, 40, 4), 17);
  fail_unless_equals_int(next(40, 30, 1000), 12);
  fail_unless_equals_int(next(40, 20, 1000), 0);
  // A pause of the source, times that are not known, and a flush.
  fail_unless_equals_int(next(40, 500), 460);
  fail_unless_equals_int(next(1000, 500), 0);
  fail_unless_equals_int(next(40, 500), 460);
  pace.arrived(GST_CLOCK_TIME_NONE, 500 * kMs);
  fail_unless_equals_uint64(pace.backlog(), 0);
  fail_unless_equals_int(next(40, 500), 460);
  pace.arrived(now / 2, 500 * kMs);  // backwards
  fail_unless_equals_uint64(pace.backlog(), 0);
  now /= 2;
  fail_unless_equals_int(next(40, 500), 460);
  pace.flushed();
  fail_unless_equals_uint64(pace.backlog(), 0);
  fail_unless_equals_int(next(40, 500), 0);
  fail_unless_equals_int(next(40, 70), 30);
}
GST_END_TEST

// Grows with the first slow result, falls only when it is easy, and not before a while.
GST_START_TEST(test_pace_changes) {
  DetectPace pace;
  GstClockTime now = 0;
  settle(pace, now, 40, 30);
  fail_unless_equals_int(pace.interval(), 0);
  pace.computed(130 * kMs, 130 * kMs);
  fail_unless_equals_int(pace.interval(), 2);  // half way: 80
  settle(pace, now, 40, 70);
  fail_unless_equals_int(pace.interval(), 2);  // 70 is within 0.9 of 80, but not within 0.75
  settle(pace, now, 40, 59);
  fail_unless_equals_int(pace.interval(), 1);
  pace.computed(1 * kMs, 1 * kMs);
  fail_unless_equals_int(pace.interval(), 1);
  settle(pace, now, 40, 1);
  fail_unless_equals_int(pace.interval(), 0);
  // What came after a result does not count for the worker's time, only for what is expected.
  for (int i = 0; i < 200; ++i) pace.computed(500 * kMs, 20 * kMs);
  fail_unless_equals_int(pace.interval(), 0);
  fail_unless(pace.expected() > 490 * kMs);
}
GST_END_TEST

GST_START_TEST(test_pace_of_odd_times) {
  DetectPace pace;
  GstClockTime now = 0;
  settle(pace, now, 40, 100);
  fail_unless_equals_int(pace.interval(), 2);
  pace.arrived(GST_CLOCK_TIME_NONE);
  pace.arrived(now);      // no step
  pace.arrived(now / 2);  // backwards
  pace.arrived(now / 2 + 40 * kMs);
  fail_unless_equals_int(pace.interval(), 2);
  pace.arrived(now + 3600 * GST_SECOND);  // a pause: counts as a step of 80
  fail_unless_equals_int(pace.interval(), 2);
}
GST_END_TEST

static Suite* pace_suite() {
  Suite* suite = suite_create("anomalydetect");
  TCase* tc = tcase_create("pace");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, test_pace);
  tcase_add_test(tc, test_pace_backlog);
  tcase_add_test(tc, test_pace_changes);
  tcase_add_test(tc, test_pace_of_odd_times);
  return suite;
}

GST_CHECK_MAIN(pace);
