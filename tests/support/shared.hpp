#pragma once
// Test inputs that are not in the repository: full-size golden cases and third-party pictures.
#include <cstdlib>
#include <fstream>
#include <string>

#include <doctest/doctest.h>

namespace regulus::testing {

/// Folder of the shared inputs: $REGULUS_SHARED, else the one the build was told.
inline std::string shared_folder() {
    const char* folder = std::getenv("REGULUS_SHARED");
    return folder != nullptr ? folder : REGULUS_SHARED_DIR;
}

inline std::string shared_path(const std::string& relative) { return shared_folder() + "/" + relative; }

inline bool shared_file_exists(const std::string& relative) { return std::ifstream(shared_path(relative)).good(); }

/// Counts test cases that could not run for want of an input or a device; tests/main.cpp reports it.
inline int& skipped_count() {
    static int count = 0;
    return count;
}

}  // namespace regulus::testing

/// Leaves the test case, counted as skipped, when a file of the shared folder is absent.
#define REGULUS_REQUIRE_SHARED(relative)                                          \
    do {                                                                          \
        if (!::regulus::testing::shared_file_exists(relative)) {                  \
            ++::regulus::testing::skipped_count();                                \
            MESSAGE("skipped: shared/" << (relative) << " is not on this machine"); \
            return;                                                               \
        }                                                                         \
    } while (false)
