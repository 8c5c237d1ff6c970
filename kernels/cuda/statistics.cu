// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernels/cuda/cell_kernels.h"
#include "kernels/cuda/entry_points.h"
#include "kernels/cuda/figures_kernels.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/region_kernels.h"
#include "kernels/cuda/resampler.h"
#include "kernels/cuda/run_kernels.h"
#include "kernels/cuda/standing_kernels.h"
#include "kernels/cuda/statistics_workspace.h"
#include "kernels/statistics_math.h"

namespace anomaly::cuda {
namespace {

// Launches one after the other until one fails.
class Sequence {
 public:
  explicit Sequence(void* stream) : stream_(stream) {}

  template <typename Kernel>
  void run(const Kernel& kernel) {
    if (error_ == cudaSuccess) error_ = launch(kernel, stream_);
  }
  void clear(void* memory, size_t bytes) {
    if (error_ == cudaSuccess) error_ = cudaMemsetAsync(memory, 0, bytes, static_cast<cudaStream_t>(stream_));
  }
  int error() const { return error_; }

 private:
  void* stream_;
  int error_ = cudaSuccess;
};

FramePart part_of(const AnomalyCudaQuery& q, int frame_width, int frame_height) {
  if (q.width <= 0 || q.height <= 0) return {0, 0, frame_width, frame_height};
  const Span columns = clipped(q.x, q.width, frame_width), rows = clipped(q.y, q.height, frame_height);
  return {columns.begin, rows.begin, columns.end, rows.end};
}

bool valid(const AnomalyCudaQuery& q) {
  if (!q.map || (q.classes && !q.labels) || (q.runs && q.run_capacity < 0)) return false;
  if (!q.labels) return true;
  return q.label_width >= 1 && q.label_height >= 1 && q.label_width <= kMaxFrameSize &&
         q.label_height <= kMaxFrameSize;
}

// Score, max and mean of the cells that count. counts: which pixels do; null: those of the part.
void find_figures(Sequence& sequence, const AnomalyCudaStatistics& s, const float* map, const FramePart& part,
                  const uint8_t* counts, AnomalyCudaFigures* figures) {
  const RunTables& runs = s.runs;
  const Span columns = cells_inside({part.left, part.right}, runs.frame_width, s.map_width);
  const Span rows = cells_inside({part.top, part.bottom}, runs.frame_height, s.map_height);
  FigureCells cells{
      map,    s.map_width, columns.begin, rows.begin, columns.end - columns.begin, rows.end - rows.begin,
      nullptr};
  if (counts) {
    sequence.run(ChooseCellsKernel{s.map_width, s.map_height, columns, rows, counts, runs, s.cells});
    sequence.run(CellsAboveKernel{s.map_width, s.map_height, part, counts, runs, s.cells});
    cells = {map, s.map_width, 0, 0, s.map_width, s.map_height, s.cells};
  }
  const unsigned blocks = cells.blocks();
  sequence.clear(s.figures, offsetof(FigureState, sums));
  sequence.run(FigureDigitsKernel<0>{cells, s.figures, blocks});
  sequence.run(FigureNarrowKernel<0>{s.figures});
  sequence.run(FigureDigitsKernel<1>{cells, s.figures, blocks});
  sequence.run(FigureNarrowKernel<1>{s.figures});
  sequence.run(FigureDigitsKernel<2>{cells, s.figures, blocks});
  sequence.run(FigureNarrowKernel<2>{s.figures});
  sequence.run(FigureSumsKernel{cells, s.figures, blocks});
  sequence.run(FinishFiguresKernel{s.figures, blocks, figures});
}

}  // namespace

int map_statistics(AnomalyCudaStatistics* s, const AnomalyCudaQuery* q, AnomalyCudaFigures* figures,
                   void* stream) {
  if (!s || !figures || !valid(*q)) return cudaErrorInvalidValue;
  const RunTables& runs = s->runs;
  const FramePart part = part_of(*q, runs.frame_width, runs.frame_height);
  Sequence sequence(stream);
  if (part.width() <= 0 || part.height() <= 0) {
    sequence.clear(figures, offsetof(AnomalyCudaFigures, region));
    return sequence.error();
  }
  const FilterTables &across = s->resampler->across, &down = s->resampler->down;
  float* between = static_cast<float*>(s->resampler->between);
  const ScoreRows scores{down, between, runs.frame_width};
  const FrameLabels labels{q->labels, q->label_width, q->label_height, runs.frame_width, runs.frame_height};
  const bool by_class = q->classes != nullptr;

  sequence.clear(runs.counters, offsetof(RunCounters, chosen_root));
  if (by_class) sequence.clear(runs.marks, static_cast<size_t>(runs.frame_width) * runs.frame_height);
  sequence.run(FloatRowsKernel(across, down.in_size, q->map, between, true));
  sequence.run(FindRunsKernel{runs, part, scores, q->threshold, q->mask, by_class});
  sequence.run(JoinRunsKernel{{runs, part.top + 1, part.bottom}});
  sequence.run(GatherRunsKernel{{runs, part.top, part.bottom}});

  ChosenClasses classes{};
  if (by_class) {
    for (int i = 0; i < 256; ++i) classes.chosen[i] = q->classes[i] != 0;
    sequence.run(StandingKernel{runs, labels, classes});
    sequence.run(MarkKeptKernel{runs, part.top, part.bottom});
  }
  if (by_class || q->mask) sequence.run(CountPixelsKernel{runs, part, q->mask, labels, classes, by_class});
  find_figures(sequence, *s, q->map, part, by_class ? runs.marks : q->mask, figures);

  const int64_t counted = by_class || q->mask ? -1 : static_cast<int64_t>(part.width()) * part.height();
  sequence.run(ChooseRegionsKernel{runs, q->min_area, counted, figures});
  sequence.run(DescribeRegionsKernel{runs, scores, labels, figures->region});
  if (q->runs) {
    sequence.run(CountListedKernel{runs, part.top, part.bottom, s->row_begin, figures});
    sequence.run(WriteListedKernel{runs, part.top, part.bottom, s->row_begin, q->runs, q->run_capacity});
  }
  return sequence.error();
}

}  // namespace anomaly::cuda
