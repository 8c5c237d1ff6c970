// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/bundle/safetensors.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/zeros.h>

#include "src/error.h"
#include "tests/check.h"
#include "tests/engine/safetensors_files.h"

using anomaly::Error;
using anomaly::ErrorKind;
using anomaly::SafetensorsFile;
using check::container;
using check::TemporaryFolder;
using check::write_bytes;

namespace {

const char* const kOne = R"({"a":{"dtype":"U8","shape":[2,2],"data_offsets":[0,4]}})";

// Opening a file of these bytes fails with kind BadBundle, and the message names the file and `part`.
void refuse(const std::string& bytes, const std::string& part) {
  const TemporaryFolder folder;
  const std::string path = write_bytes(folder.file("x.safetensors"), bytes);
  try {
    SafetensorsFile::open(path);
  } catch (const Error& e) {
    const std::string what = e.what();
    if (e.kind() != ErrorKind::BadBundle) check::fail(__FILE__, __LINE__, "wrong kind: ", what);
    if (what.find(path) == std::string::npos) check::fail(__FILE__, __LINE__, "file not named: ", what);
    if (what.find(part) == std::string::npos) check::fail(__FILE__, __LINE__, "no \"", part, "\" in: ", what);
    return;
  }
  check::fail(__FILE__, __LINE__, "accepted; expected: ", part);
}

void refuse_header(const std::string& header, size_t data_bytes, const std::string& part) {
  refuse(container(header, data_bytes), part);
}

std::string u8(const std::string& shape, const std::string& offsets) {
  return R"({"dtype":"U8","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

ErrorKind kind_of_opening(const std::string& path) {
  try {
    SafetensorsFile::open(path);
  } catch (const Error& e) {
    if (std::string(e.what()).find(path) == std::string::npos) check::fail(__FILE__, __LINE__, e.what());
    return e.kind();
  }
  check::fail(__FILE__, __LINE__, path, " was accepted");
}

}  // namespace

TEST(a_small_file_reads) {
  const TemporaryFolder folder;
  const std::string path = write_bytes(folder.file("x"), container(std::string(kOne) + "   ", 4));
  const auto file = SafetensorsFile::open(path);
  CHECK_EQ(file->path(), path);
  CHECK_EQ(file->tensors().size(), 1u);
  CHECK(file->metadata().empty());
  const at::Tensor a = file->tensor("a");
  CHECK(at::equal(a, at::arange(4, at::kByte).reshape({2, 2})));
  CHECK_THROWS(file->tensor("b"), Error, "tensor \"b\": is missing");
}

TEST(tensors_outlive_the_file_object) {
  const TemporaryFolder folder;
  const std::string path = folder.file("x");
  anomaly::write_safetensors(path, {{"a", at::arange(1000, at::kFloat)}}, {});
  at::Tensor a = SafetensorsFile::open(path)->tensor("a");
  std::filesystem::remove(path);
  CHECK(at::equal(a, at::arange(1000, at::kFloat)));
}

TEST(round_trip_of_every_type) {
  const TemporaryFolder folder;
  const std::string path = folder.file("x.safetensors");
  std::vector<std::pair<std::string, at::Tensor>> tensors;
  const at::Tensor base = at::arange(-6, 6, at::kFloat).reshape({3, 1, 4});
  for (const auto type : {at::kFloat, at::kHalf, at::kBFloat16, at::kDouble, at::kLong, at::kInt, at::kShort,
                          at::kChar, at::kByte})
    tensors.emplace_back(std::string("t.") + c10::toString(type),
                         (type == at::kByte ? base.abs() : base).to(type));
  tensors.emplace_back("odd", at::arange(3, at::kByte));
  tensors.emplace_back("bool", base.gt(0));
  tensors.emplace_back("scalar", at::scalar_tensor(2.5));
  tensors.emplace_back("empty", at::empty({0, 5}, at::kFloat));
  tensors.emplace_back("transposed", base.permute({2, 0, 1}));
  tensors.emplace_back("name \"with\" \xC3\xA9\n", base);
  anomaly::write_safetensors(path, tensors, {{"format_version", "1"}, {"key", "line\nbreak"}});
  CHECK_EQ(folder.entries(), 1u);

  const auto file = SafetensorsFile::open(path);
  CHECK_EQ(file->tensors().size(), tensors.size());
  CHECK_EQ(file->metadata().at("key"), "line\nbreak");
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor read = file->tensor(name);
    CHECK(read.scalar_type() == tensor.scalar_type());
    CHECK(read.sizes() == tensor.sizes());
    CHECK(at::equal(read, tensor.contiguous()));
    CHECK_EQ(reinterpret_cast<uintptr_t>(read.const_data_ptr()) % read.element_size(), 0u);
  }
}

TEST(misaligned_tensors_are_copied) {
  const TemporaryFolder folder;
  const std::string header =
      R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}})";
  std::string bytes = container(header, 9);
  const float values[2] = {1.5f, -2.25f};
  std::memcpy(bytes.data() + bytes.size() - 8, values, 8);
  const auto file = SafetensorsFile::open(write_bytes(folder.file("x"), bytes));
  const at::Tensor b = file->tensor("b");
  CHECK_EQ(reinterpret_cast<uintptr_t>(b.const_data_ptr()) % 4, 0u);
  CHECK_EQ(b[0].item<float>(), 1.5f);
  CHECK_EQ(b[1].item<float>(), -2.25f);
}

TEST(zero_sized_tensors) {
  const TemporaryFolder folder;
  const std::string header = R"({"a":{"dtype":"F32","shape":[0,3],"data_offsets":[0,0]},"b":)" +
                             u8("[1]", "[0,1]") +
                             R"(,"c":{"dtype":"F64","shape":[4611686018427387,0],"data_offsets":[1,1]}})";
  const auto file = SafetensorsFile::open(write_bytes(folder.file("x"), container(header, 1)));
  CHECK_EQ(file->tensor("a").numel(), 0);
  CHECK_EQ(file->tensor("a").size(1), 3);
  CHECK_EQ(file->tensor("c").size(0), 4611686018427387);
  CHECK_EQ(SafetensorsFile::open(write_bytes(folder.file("y"), container("{}", 0)))->tensors().size(), 0u);
}

TEST(missing_and_special_files) {
  const TemporaryFolder folder;
  CHECK(kind_of_opening(folder.file("none")) == ErrorKind::NotFound);
  CHECK(kind_of_opening(folder.file("")) == ErrorKind::Io);  // the folder itself
  CHECK(kind_of_opening(write_bytes(folder.file("file"), "x") + "/inside") == ErrorKind::NotFound);
  CHECK(kind_of_opening("/dev/null") == ErrorKind::Io);
  const std::string fifo = folder.file("fifo");
  CHECK_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  CHECK(kind_of_opening(fifo) == ErrorKind::Io);  // and does not wait for a writer
}

TEST(short_files) {
  refuse("", "the file is empty");
  refuse("1234567", "7 bytes hold no header");
  refuse(std::string(8, '\0'), "a header of 0 bytes");
  refuse(container("{", 0), "a header of 1 bytes");
  refuse(container(kOne, 4).substr(0, 40), "does not fit into a file of 40");
  refuse(container(kOne, 3), "truncated");
}

TEST(lying_header_lengths) {
  std::string bytes = container(kOne, 4);
  for (const uint64_t length : {~uint64_t{0}, uint64_t{1} << 63, ~uint64_t{0} - 7}) {
    std::memcpy(bytes.data(), &length, 8);
    refuse(bytes, "exceeds the limit of 100000000");
  }
  const uint64_t beyond = bytes.size() - 7;
  std::memcpy(bytes.data(), &beyond, 8);
  refuse(bytes, "does not fit");
  const uint64_t inside = std::strlen(kOne) - 1;
  std::memcpy(bytes.data(), &inside, 8);
  refuse(bytes, "its header is broken");
}

TEST(foreign_files_are_named) {
  using namespace std::string_literals;
  const std::string hint = "this is a PyTorch checkpoint; convert it with models/convert.py";
  refuse("PK\x03\x04"s + std::string(100, 'x'), hint);
  refuse("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03."s, hint);
  refuse("\x80\x02}"s, hint);
  refuse("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull");
  refuse("GIF89a" + std::string(100, '\0'), "not a safetensors file");
}

TEST(headers_that_are_not_objects) {
  refuse_header("[1,2,3]", 0, "its header is not a JSON object");
  refuse_header("  {}", 0, "its header is not a JSON object");
  refuse_header("{\"a\":", 0, "its header is broken");
  refuse_header("{}x", 0, "its header is broken");
  refuse_header(std::string("{}\0", 3), 0, "its header is broken");
  refuse_header("{\"a\":1}", 0, "tensor \"a\": its header entry is not an object");
  refuse_header("{\"\":" + u8("[0]", "[0,0]") + "}", 0, "a tensor without a name");
  refuse_header("{\"a\":" + u8("[1]", "[0,1]") + ",\"a\":" + u8("[1]", "[1,2]") + "}", 2,
                "\"a\" occurs twice");
}

TEST(metadata_is_strings) {
  refuse_header(R"({"__metadata__":[]})", 0, "\"__metadata__\" is not an object");
  refuse_header(R"({"__metadata__":{"a":1}})", 0, "member \"a\" is not a string");
  refuse_header(R"({"__metadata__":{"a":{"b":"c"}}})", 0, "member \"a\" is not a string");
}

TEST(entries_are_checked) {
  const auto one = [](const std::string& entry) { return "{\"net.w\":" + entry + "}"; };
  const std::string named = "tensor \"net.w\": ";
  refuse_header(one(R"({"shape":[1],"data_offsets":[0,1]})"), 1, named + "its header entry lacks \"dtype\"");
  refuse_header(one(R"({"dtype":"U8","data_offsets":[0,1]})"), 1, named + "its header entry lacks \"shape\"");
  refuse_header(one(R"({"dtype":"U8","shape":[1]})"), 1, named + "its header entry lacks \"data_offsets\"");
  refuse_header(one(R"({"dtype":"U8","shape":[1],"data_offsets":[0,1],"more":1})"), 1,
                named + "unknown member \"more\"");
  refuse_header(one(R"({"dtype":8,"shape":[1],"data_offsets":[0,1]})"), 1,
                named + "its dtype is not a string");
  refuse_header(one(R"({"dtype":"F31","shape":[1],"data_offsets":[0,1]})"), 1,
                named + "unknown dtype \"F31\"");
  refuse_header(one(u8("1", "[0,1]")), 1, named + "its shape is not an array");
  refuse_header(one(u8("[-1]", "[0,1]")), 1, named + "its shape holds");
  refuse_header(one(u8("[1.0]", "[0,1]")), 1, named + "its shape holds");
  refuse_header(one(u8("[\"1\"]", "[0,1]")), 1, named + "its shape holds");
  refuse_header(one(u8("[1,1,1,1,1,1,1,1,1]", "[0,1]")), 1, named + "its shape has more than 8 dimensions");
  refuse_header(one(u8("[4294967296,4294967296]", "[0,1]")), 1, named + "its shape overflows");
  refuse_header(one(u8("[4294967296,4294967296,0]", "[0,0]")), 0, named + "its shape overflows");
  refuse_header(one(u8("[9223372036854775807]", "[0,1]")), 1, named + "its shape overflows");
  refuse_header(one(u8("[99999999999999999999]", "[0,1]")), 1, named + "its shape holds");
  refuse_header(one(R"({"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]})"), 0,
                named + "its shape overflows");
  refuse_header(one(u8("[1]", "[0]")), 1, named + "its data_offsets are not a pair");
  refuse_header(one(u8("[1]", "{}")), 1, named + "its data_offsets are not a pair");
  refuse_header(one(u8("[1]", "[-1,0]")), 1, named + "its data_offsets are not whole");
  refuse_header(one(u8("[1]", "[0,1e0]")), 1, named + "its data_offsets are not whole");
  refuse_header(one(u8("[1]", "[1,0]")), 1, named + "its data_offsets are reversed");
  refuse_header(one(u8("[2]", "[0,2]")), 1, named + "its data ends at byte 2");
  refuse_header(one(u8("[1]", "[9223372036854775806,9223372036854775807]")), 1, named + "its data ends");
  refuse_header(one(u8("[3]", "[0,2]")), 2, named + "its shape needs 3 bytes, its data_offsets hold 2");
  refuse_header(one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,2]})"), 2,
                named + "its shape needs 4 bytes");
}

TEST(overlaps_and_holes) {
  const auto two = [](const std::string& a, const std::string& b) {
    return "{\"a\":" + a + ",\"b\":" + b + "}";
  };
  refuse_header(two(u8("[3]", "[0,3]"), u8("[2]", "[2,4]")), 4,
                "tensor \"b\": its data overlaps that of tensor \"a\"");
  refuse_header(two(u8("[4]", "[0,4]"), u8("[4]", "[0,4]")), 4, "overlaps");
  refuse_header(two(u8("[4]", "[0,4]"), u8("[0]", "[2,2]")), 4, "overlaps");
  refuse_header(two(u8("[1]", "[0,1]"), u8("[2]", "[2,4]")), 4,
                "tensor \"b\": 1 bytes before its data belong to no tensor");
  refuse_header(kOne, 5, "1 bytes at the end of the file belong to no tensor");
  refuse_header("{}", 1, "1 bytes at the end of the file belong to no tensor");
}

TEST(unsupported_and_invalid_elements) {
  const TemporaryFolder folder;
  const auto file = SafetensorsFile::open(
      write_bytes(folder.file("x"), container(R"({"a":{"dtype":"U16","shape":[1],"data_offsets":[0,2]},)"
                                              R"("b":{"dtype":"BOOL","shape":[1],"data_offsets":[2,3]}})",
                                              3)));
  CHECK_THROWS(file->tensor("a"), Error, "tensor \"a\": dtype U16 is not supported");
  CHECK_THROWS(file->tensor("b"), Error, "tensor \"b\": a BOOL that is neither 0 nor 1");
}

TEST(hostile_names_are_cleaned) {
  refuse_header("{\"a\\u001b[31m" + std::string(500, 'n') + "\":1}", 0, "\"a?[31mnnn");
}

TEST(the_writer_refuses) {
  const TemporaryFolder folder;
  const at::Tensor one = at::zeros({1});
  const std::string path = folder.file("x");
  CHECK_THROWS(anomaly::write_safetensors(path, {{"a", one}, {"a", one}}, {}), Error,
               "tensor \"a\": is given twice");
  CHECK_THROWS(anomaly::write_safetensors(path, {{"", one}}, {}), Error, "no name");
  CHECK_THROWS(anomaly::write_safetensors(path, {{"__metadata__", one}}, {}), Error, "no name");
  CHECK_THROWS(anomaly::write_safetensors(path, {{"a", at::Tensor()}}, {}), Error, "undefined");
  CHECK_THROWS(anomaly::write_safetensors(path, {{"a", at::zeros({1}, at::kComplexFloat)}}, {}), Error,
               "cannot be written");
  CHECK_THROWS(anomaly::write_safetensors(folder.file("no/such/x"), {{"a", one}}, {}), Error, "No such file");
  CHECK_EQ(folder.entries(), 0u);
  CHECK_THROWS(anomaly::write_safetensors(folder.file("."), {{"a", one}}, {}), Error, "not a regular file");
}

TEST(a_full_disk_leaves_the_old_file) {
  const TemporaryFolder folder;
  const std::string path = folder.file("x");
  anomaly::write_safetensors(path, {{"a", at::ones({4})}}, {});
  // A limit on the size of files stands for the disk that fills up: write() fails in the middle.
  rlimit before{};
  CHECK_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = before;
  small.rlim_cur = 1 << 16;
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  CHECK_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  std::string what;
  try {
    anomaly::write_safetensors(path, {{"a", at::zeros({1 << 20})}}, {});
  } catch (const Error& e) {
    what = e.what();
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old_handler);
  CHECK(what.find("cannot be written") != std::string::npos);
  CHECK_EQ(folder.entries(), 1u);
  CHECK(at::equal(SafetensorsFile::open(path)->tensor("a"), at::ones({4})));
}

TEST(leftovers_and_links_are_not_written_through) {
  const TemporaryFolder folder;
  const std::string victim = write_bytes(folder.file("victim"), "untouched");
  std::filesystem::create_symlink(victim, folder.file("x.partial"));
  anomaly::write_safetensors(folder.file("x"), {{"a", at::ones({4})}}, {});
  CHECK_EQ(std::filesystem::file_size(victim), 9u);
  CHECK_EQ(folder.entries(), 2u);
}

TEST_MAIN()
