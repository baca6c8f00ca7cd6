#include "clouds.hpp"

#include <algorithm>
#include <filesystem>

#include <regulus/data/point_cloud_file.hpp>
#include <regulus/data/sweeps.hpp>

namespace tool {

namespace {

namespace fs = std::filesystem;

std::string suffix_of(const fs::path& path) {
    std::string suffix = path.extension().string();
    for (char& c : suffix) c = char(std::tolower(static_cast<unsigned char>(c)));
    return suffix;
}

bool is_cloud(const fs::path& path) {
    const std::string suffix = suffix_of(path);
    return suffix == ".bin" || suffix == ".pcd" || suffix == ".ply" || suffix == ".json";
}

}  // namespace

std::vector<std::string> find_clouds(const std::vector<std::string>& paths) {
    std::vector<std::string> clouds;
    for (const std::string& path : paths) {
        std::error_code error;
        if (!fs::exists(path, error)) throw regulus::FileError("clouds: " + path + " does not exist");
        if (!fs::is_directory(path, error)) {
            clouds.push_back(path);
            continue;
        }
        std::vector<std::string> inside;
        for (const fs::directory_entry& entry : fs::directory_iterator(path, error)) {
            if (is_cloud(entry.path())) inside.push_back(entry.path().string());
        }
        if (error) throw regulus::FileError("clouds: " + path + " cannot be read: " + error.message());
        if (inside.empty()) throw regulus::FileError("clouds: there is no *.bin, *.pcd, *.ply or *.json in " + path);
        std::sort(inside.begin(), inside.end());
        clouds.insert(clouds.end(), inside.begin(), inside.end());
    }
    return clouds;
}

LoadedCloud read_cloud(const std::string& path, const regulus::PointDetectorFacts& facts, int columns, const std::string& root) {
    const bool seconds = facts.sweeps > 0;
    if (columns == 0) columns = seconds ? 5 : 4;
    if (suffix_of(path) == ".json") {
        if (!seconds) throw regulus::ArgumentError("clouds: " + path + " names several sweeps, the model looks at single frames");
        regulus::SweepOptions options;
        options.columns = columns;
        options.max_sweeps = std::size_t(facts.sweeps);
        regulus::PointCloudFile file = regulus::load_sweeps(regulus::read_lidar_frame(path, root), options);
        return {std::move(file.cloud), file.dropped};
    }
    const bool raw = suffix_of(path) == ".bin";
    regulus::PointCloudOptions options;
    options.format = raw ? regulus::PointCloudFormat::bin : regulus::PointCloudFormat::automatic;
    options.columns = columns;
    options.fields = {seconds ? "seconds" : "intensity"};
    options.missing = 0.f;
    const regulus::PointCloudFile file = regulus::read_point_cloud(path, options);
    LoadedCloud loaded{{4, {}}, file.dropped};
    const bool fourth = file.cloud.features > 3 && !(raw && seconds);  // a raw frame's fourth number is an intensity, no time
    loaded.cloud.values.reserve(file.cloud.size() * 4);
    for (std::size_t i = 0; i < file.cloud.size(); ++i) {
        const float* p = file.cloud[i];
        loaded.cloud.values.insert(loaded.cloud.values.end(), {p[0], p[1], p[2], fourth ? p[3] : 0.f});
    }
    return loaded;
}

}  // namespace tool
