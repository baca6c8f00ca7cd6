// Files mapped into memory: their pages, and giving them back.
#include <regulus/core/mapped_file.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <fstream>
#include <numeric>
#include <string>
#include <vector>

#include <unistd.h>

#include "support/temporary_file.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

constexpr std::size_t file_bytes = (16 << 20) + 1234;

/// Bytes that tell where they are.
std::string pattern_bytes() {
    std::string bytes(file_bytes, 0);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = char(i * 2654435761u >> 24);
    return bytes;
}

std::uint64_t sum(const std::uint8_t* bytes, std::size_t size) { return std::accumulate(bytes, bytes + size, std::uint64_t(0)); }

/// Of pages that belong to files, MiB.
double resident() {
    long total = 0, all = 0, of_files = 0;
    std::ifstream("/proc/self/statm") >> total >> all >> of_files;
    return double(of_files) * double(::sysconf(_SC_PAGESIZE)) / 1048576;
}

}  // namespace

TEST_CASE("mapped file: pages are given back, and hold the same when they are read again") {
    const TemporaryFile pattern(pattern_bytes());
    const auto file = MappedFile::open(pattern.path());
    REQUIRE(file->size() == file_bytes);
    const std::uint64_t before = sum(file->data(), file_bytes);
    const double touched = resident();
    MappedFile::release_pages(file->data(), file_bytes);
    CHECK(resident() < touched - 15);
    CHECK(sum(file->data(), file_bytes) == before);
    CHECK(resident() > touched - 1);
}

TEST_CASE("mapped file: parts of pages and what lies beyond a file stay") {
    const TemporaryFile pattern(pattern_bytes());
    const auto file = MappedFile::open(pattern.path());
    const std::uint64_t before = sum(file->data(), file_bytes);
    const double touched = resident();
    MappedFile::release_pages(file->data() + 1, 4000);
    MappedFile::release_pages(file->data() + 5000, 0);
    CHECK(resident() > touched - 0.1);
    MappedFile::release_pages(file->data() + 10, SIZE_MAX);  // to the file's end
    CHECK(resident() < touched - 15);
    CHECK(sum(file->data(), file_bytes) == before);
    MappedFile::release_pages(file->data() + file_bytes, 100);
}

TEST_CASE("mapped file: memory that is no mapped file stays as it is") {
    std::vector<std::uint8_t> own(1 << 20, 7);
    MappedFile::release_pages(own.data(), own.size());
    CHECK(sum(own.data(), own.size()) == 7u << 20);
    const auto copy = MappedFile::copy_of(own.data(), own.size(), "copy");
    const TemporaryFile pattern(pattern_bytes());
    const std::uint8_t* unmapped = nullptr;
    {
        const auto file = MappedFile::open(pattern.path());
        unmapped = file->data();
        MappedFile::release_pages(copy->data(), copy->size());
        MappedFile::release_pages(nullptr, 0);
    }
    MappedFile::release_pages(unmapped, file_bytes);  // that file is closed
    CHECK(sum(copy->data(), copy->size()) == 7u << 20);
}
