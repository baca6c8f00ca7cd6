// Tables of nuScenes: texts with a zero byte between, in the order of `names`, as files of one folder.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <string_view>

#include <regulus/data/nuscenes_tables.hpp>

#include "memory_file.hpp"

namespace {

constexpr const char* names[] = {"scene.json", "sample.json", "sensor.json", "calibrated_sensor.json", "sample_data.json", "ego_pose.json", "category.json", "attribute.json", "instance.json",
                                 "sample_annotation.json"};

/// A folder of links to files in memory, so that a call touches no disk.
class Folder {
public:
    Folder() {
        if (::mkdtemp(path_.data()) == nullptr) std::abort();
        for (std::size_t i = 0; i < std::size(names); ++i) {
            if (::symlink(files_[i].path().c_str(), (path_ + "/" + names[i]).c_str()) != 0) std::abort();
        }
    }
    ~Folder() {
        for (const char* const name : names) ::unlink((path_ + "/" + name).c_str());
        ::rmdir(path_.c_str());
    }
    const std::string& path() const noexcept { return path_; }
    void put(std::size_t i, std::string_view text) { files_[i].write(text.data(), text.size()); }

private:
    std::string path_ = P_tmpdir "/regulus_tables_XXXXXX";
    regulus::fuzz::MemoryFile files_[std::size(names)];
};

Folder& folder() {
    static Folder made;
    return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    using namespace regulus;
    std::string_view rest(reinterpret_cast<const char*>(bytes), size);
    for (std::size_t i = 0; i < std::size(names); ++i) {
        const std::size_t end = std::min(rest.find('\0'), rest.size());
        folder().put(i, rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    try {
        const NuScenesTables tables = read_nuscenes_tables(folder().path(), {.annotations = true});
        for (std::size_t i = 0; i < tables.samples.size(); ++i) {
            const LidarFrame frame = tables.frame(i, "root");
            double later = tables.lidar[tables.samples[i].key].timestamp;
            for (const LidarSweep& sweep : frame.sweeps) {
                if (!(sweep.timestamp < later)) std::abort();
                later = sweep.timestamp;
            }
        }
        for (const NuScenesAnnotation& annotation : tables.annotations) {
            if (annotation.sample >= tables.samples.size() || annotation.category >= tables.categories.size()) std::abort();
        }
    } catch (const FileError& error) {
        if (std::strstr(error.what(), folder().path().c_str()) == nullptr) std::abort();
    }
    return 0;
}
