#pragma once
// Files that tests write.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include <unistd.h>

namespace regulus::testing {

/// A file in the working folder that goes with its object.
class TemporaryFile {
public:
    explicit TemporaryFile(const std::string& bytes = "", const std::string& suffix = ".bin") {
        static int count = 0;
        path_ = "regulus-test-" + std::to_string(::getpid()) + "-" + std::to_string(count++) + suffix;
        std::ofstream(path_, std::ios::binary) << bytes;
    }
    ~TemporaryFile() { std::remove(path_.c_str()); }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    const std::string& path() const { return path_; }
    std::string bytes() const {
        std::ifstream file(path_, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }

private:
    std::string path_;
};

}  // namespace regulus::testing
