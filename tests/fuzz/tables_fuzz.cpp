// Tables of nuScenes: texts with a zero byte between, in the order of `names`, as files of one folder.
#include "fuzz_file.hpp"

#include <string_view>

#include <sys/stat.h>

#include <regulus/data/nuscenes_tables.hpp>

namespace {

constexpr const char* names[] = {"scene.json", "sample.json", "sensor.json", "calibrated_sensor.json", "sample_data.json", "ego_pose.json", "category.json", "attribute.json", "instance.json",
                                 "sample_annotation.json"};

/// A folder whose files are rewritten by every call.
class Folder {
public:
    Folder() {
        if (::mkdtemp(path_.data()) == nullptr) std::abort();
    }
    ~Folder() {
        for (const char* const name : names) ::unlink((path_ + "/" + name).c_str());
        ::rmdir(path_.c_str());
    }
    const std::string& path() const noexcept { return path_; }

private:
    std::string path_ = P_tmpdir "/regulus_tables_XXXXXX";
};

const std::string& folder() {
    static const Folder made;
    return made.path();
}

void put(const char* name, std::string_view text) {
    const int fd = ::open((folder() + "/" + name).c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || ::write(fd, text.data(), text.size()) != ssize_t(text.size())) std::abort();
    ::close(fd);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    using namespace regulus;
    std::string_view rest(reinterpret_cast<const char*>(bytes), size);
    for (const char* const name : names) {
        const std::size_t end = std::min(rest.find('\0'), rest.size());
        put(name, rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    try {
        const NuScenesTables tables = read_nuscenes_tables(folder(), {.annotations = true});
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
        if (std::strstr(error.what(), folder().c_str()) == nullptr) std::abort();
    }
    return 0;
}
