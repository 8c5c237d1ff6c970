// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/train/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <stdexcept>

#include "src/bundle/safetensors.h"
#include "src/error.h"

namespace anomaly::train {

namespace {

std::string metadata_of(const SafetensorsFile& file, const std::string& key) {
  const auto found = file.metadata().find(key);
  return found == file.metadata().end() ? "" : found->second;
}

void check_same_upstream(const SafetensorsFile& file, const std::string& path, const std::string& upstream) {
  const std::string stored = metadata_of(file, "upstream");
  if (!stored.empty() && stored != upstream)
    throw Error(ErrorKind::BadSettings,
                path +
                    ": was made on weights of an earlier stage that have changed since; "
                    "remove it to run the stage again on those of now");
}

}  // namespace

std::string stage_signature(const Json& architecture, const Json& stage) {
  Json kept = Json::object();
  for (const auto& [name, value] : stage.members())
    if (name != "steps" && name != "checkpoint_every") kept.set(name, value);
  return architecture.dump() + kept.dump();
}

void save_checkpoint(const Checkpoint& checkpoint, int64_t step, bool complete) {
  write_safetensors(checkpoint.path, checkpoint.tensors,
                    {{"step", std::to_string(step)},
                     {"complete", complete ? "yes" : "no"},
                     {"signature", checkpoint.signature},
                     {"upstream", checkpoint.upstream}});
}

std::optional<CheckpointState> load_checkpoint(const Checkpoint& checkpoint) {
  if (!std::filesystem::exists(checkpoint.path)) return std::nullopt;
  const auto file = SafetensorsFile::open(checkpoint.path);
  if (metadata_of(*file, "signature") != checkpoint.signature)
    throw Error(ErrorKind::BadSettings,
                checkpoint.path + ": was made with other settings; remove it, or name another --work folder");
  check_same_upstream(*file, checkpoint.path, checkpoint.upstream);
  NamedTensors stored;
  for (const auto& entry : file->tensors()) stored.emplace_back(entry.first, file->tensor(entry.first));
  try {
    copy_tensors(stored, checkpoint.tensors);
  } catch (const std::invalid_argument& problem) {
    throw Error(ErrorKind::BadBundle, checkpoint.path + ": " + problem.what());
  }
  CheckpointState state;
  const std::string step = metadata_of(*file, "step");
  const auto parsed = std::from_chars(step.data(), step.data() + step.size(), state.step);
  if (parsed.ec != std::errc() || parsed.ptr != step.data() + step.size() || state.step < 0)
    throw Error(ErrorKind::BadBundle, checkpoint.path + ": its step count is no number");
  state.complete = metadata_of(*file, "complete") == "yes";
  return state;
}

NamedTensors read_stage(const std::string& path, const std::string& prefix, bool must_be_complete) {
  if (!std::filesystem::exists(path))
    throw Error(ErrorKind::NotFound, path + ": no such checkpoint; run the stage that makes it first");
  const auto file = SafetensorsFile::open(path);
  if (must_be_complete && metadata_of(*file, "complete") != "yes")
    throw Error(ErrorKind::BadSettings, path + ": that stage is not complete; resume it, or pass --partial");
  NamedTensors tensors;
  for (const auto& entry : file->tensors())
    if (entry.first.starts_with(prefix))
      tensors.emplace_back(entry.first.substr(prefix.size()), file->tensor(entry.first));
  return tensors;
}

std::string digest_of(const NamedTensors& tensors) {
  NamedTensors sorted = tensors;
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  uint64_t digest = 0xcbf29ce484222325;  // FNV-1a
  const auto add = [&digest](const void* data, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i)
      digest = (digest ^ static_cast<const uint8_t*>(data)[i]) * 0x100000001b3;
  };
  for (const auto& [name, tensor] : sorted) {
    const at::Tensor plain = tensor.detach().cpu().contiguous();
    add(name.data(), name.size());
    add(plain.const_data_ptr(), plain.nbytes());
  }
  char text[20];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(digest));
  return text;
}

std::string upstream_of(const Session& session, const std::string& stage) {
  if (stage == "segmentation") return "";
  NamedTensors weights = read_stage(session.checkpoint("segmentation"), "average.", false);
  if (stage != "synthesis")
    append(weights,
           with_prefix("synthesis.", read_stage(session.checkpoint("synthesis"), "average.", false)));
  return digest_of(weights);
}

void check_upstream(const Session& session, const std::string& stage) {
  const std::string path = session.checkpoint(stage);
  check_same_upstream(*SafetensorsFile::open(path), path, upstream_of(session, stage));
}

NamedTensors with_prefix(const std::string& prefix, const NamedTensors& tensors) {
  NamedTensors named;
  for (const auto& [name, tensor] : tensors) named.emplace_back(prefix + name, tensor);
  return named;
}

NamedTensors strip_prefix(const std::string& prefix, const NamedTensors& tensors) {
  NamedTensors named;
  for (const auto& [name, tensor] : tensors)
    if (name.starts_with(prefix)) named.emplace_back(name.substr(prefix.size()), tensor);
  return named;
}

void append(NamedTensors& to, const NamedTensors& more) {
  to.insert(to.end(), more.begin(), more.end());
}

}  // namespace anomaly::train
