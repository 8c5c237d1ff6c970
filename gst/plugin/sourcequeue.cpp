// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/plugin/sourcequeue.h"

#include <algorithm>
#include <iterator>

namespace anomaly {

void SourceQueue::reset() {
  const std::lock_guard<std::mutex> lock(mutex_);
  items_.clear();
  frames_ = 0;
  dropped_ = 0;
  ++connection_;
  end_ = Outcome::Item;
  changed_.notify_all();
}

guint SourceQueue::open(bool leaky) {
  const std::lock_guard<std::mutex> lock(mutex_);
  leaky_ = leaky;
  ++connection_;
  changed_.notify_all();
  return connection_;
}

// Where nobody takes them, the latest ones go into one with those before, of which they are the news.
void SourceQueue::append_tags(SourceItem item) {
  GstTagList *before = nullptr, *now = nullptr;
  gst_event_parse_tag(item.tags.get(), &now);
  const auto scope = gst_tag_list_get_scope(now);
  const auto is_like = [scope](const SourceItem& other) {
    GstTagList* tags = nullptr;
    if (other.tags) gst_event_parse_tag(other.tags.get(), &tags);
    return tags && gst_tag_list_get_scope(tags) == scope;
  };
  if (static_cast<size_t>(std::count_if(items_.begin(), items_.end(), is_like)) >= kTags) {
    const auto last = std::prev(std::find_if(items_.rbegin(), items_.rend(), is_like).base());
    gst_event_parse_tag(last->tags.get(), &before);
    GstTagList* both = gst_tag_list_merge(before, now, GST_TAG_MERGE_REPLACE);
    gst_tag_list_set_scope(both, scope);
    item.tags.reset(gst_event_new_tag(both));
    items_.erase(last);
  }
  items_.push_back(std::move(item));
}

bool SourceQueue::push(guint connection, SourceItem item) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (item.frame) {
    if (leaky_ && connection == connection_ && frames_ >= kFrames) {
      const auto oldest =
          std::find_if(items_.begin(), items_.end(), [](const SourceItem& i) { return i.frame != nullptr; });
      const auto next =
          std::find_if(oldest + 1, items_.end(), [](const SourceItem& i) { return i.frame != nullptr; });
      // What a frame says of its connection goes for the next one.
      SourceItem& heir = next != items_.end() ? *next : item;
      heir.anew |= oldest->anew;
      heir.connected |= oldest->connected;
      items_.erase(oldest);
      --frames_;
      ++dropped_;
    }
    changed_.wait(lock, [&] { return connection != connection_ || frames_ < kFrames; });
  }
  if (connection != connection_) return false;
  if (item.tags) {
    append_tags(std::move(item));
  } else {
    ++frames_;
    items_.push_back(std::move(item));
  }
  changed_.notify_all();
  return true;
}

void SourceQueue::finish(Outcome outcome) {
  const std::lock_guard<std::mutex> lock(mutex_);
  end_ = outcome;
  changed_.notify_all();
}

SourceQueue::Outcome SourceQueue::pop(SourceItem* item, Clock::duration patience) {
  std::unique_lock<std::mutex> lock(mutex_);
  const bool any = changed_.wait_for(
      lock, patience, [this] { return interrupted_ || !items_.empty() || end_ != Outcome::Item; });
  if (!any) return Outcome::Timeout;
  if (interrupted_) return Outcome::Interrupted;
  if (items_.empty()) return end_;
  *item = std::move(items_.front());
  items_.pop_front();
  frames_ -= item->frame != nullptr;
  changed_.notify_all();
  return Outcome::Item;
}

void SourceQueue::interrupt(bool on) {
  const std::lock_guard<std::mutex> lock(mutex_);
  interrupted_ = on;
  changed_.notify_all();
}

bool SourceQueue::is_full() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return frames_ >= kFrames;
}

guint64 SourceQueue::dropped() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return dropped_;
}

}  // namespace anomaly
