#include "kitti_frames.hpp"

#include <algorithm>
#include <filesystem>

#include <regulus/core/json.hpp>
#include <regulus/data/image_file.hpp>
#include <regulus/data/point_cloud_filter.hpp>

#include "clouds.hpp"

namespace tool {

namespace fs = std::filesystem;

std::vector<std::string> kitti_ids(const std::string& file, const std::string& clouds) {
    if (!file.empty()) return regulus::read_kitti_ids(file);
    std::vector<std::string> ids;
    std::error_code error;
    for (fs::directory_iterator at(clouds, error), end; !error && at != end; at.increment(error)) {
        if (at->path().extension() == ".bin") ids.push_back(at->path().stem().string());
    }
    if (error) throw regulus::FileError("cannot list the folder " + clouds + ": " + error.message());
    std::sort(ids.begin(), ids.end());
    return ids;
}

KittiCamera::KittiCamera(const KittiFolders& folders, const std::string& id)
    : calibration(regulus::read_kitti_calibration(folders.calibration + "/" + id + ".txt")), from_laser(calibration.velo_to_rect()) {
    if (folders.pictures.empty()) return;
    const regulus::Image picture = regulus::read_image(folders.pictures + "/" + id + ".png");
    width = int(picture.width);
    height = int(picture.height);
}

bool KittiCamera::sees(const float* point) const {
    const auto pixel = calibration.project(transformed(from_laser, {point[0], point[1], point[2]}));
    return pixel[2] > 0 && pixel[0] >= 0 && pixel[0] < width && pixel[1] >= 0 && pixel[1] < height;
}

void require_kitti_detector(const regulus::PointDetectorFacts& facts, const std::string& who) {
    if (facts.sweeps != 0 || std::find(facts.class_names.begin(), facts.class_names.end(), "Car") == facts.class_names.end())
        throw regulus::ArgumentError(who + ": the model is not one of KITTI's classes; choose a model of that data set");
}

regulus::PointCloud kitti_cloud(const KittiFolders& folders, const std::string& id, const KittiCamera& camera, const regulus::PointDetectorFacts& facts) {
    regulus::PointCloud cloud = read_cloud(folders.clouds + "/" + id + ".bin", facts, 4).cloud;
    regulus::keep_points(cloud, [&](const float* point) { return camera.sees(point); });
    return cloud;
}

Eval3dFrames kitti_frames(const KittiFolders& folders, const std::vector<std::string>& ids) {
    Eval3dFrames frames;
    frames.names = ids;
    frames.identity = "clouds " + regulus::json_quote(folders.clouds) + " calib " + regulus::json_quote(folders.calibration) + " images " + regulus::json_quote(folders.pictures);
    frames.prepare = [](const regulus::PointDetectorFacts& facts) { require_kitti_detector(facts, "eval"); };
    frames.cloud = [ids, folders](std::size_t i, const regulus::PointDetectorFacts& facts) { return kitti_cloud(folders, ids[i], KittiCamera(folders, ids[i]), facts); };
    frames.row = [ids, folders](std::size_t i, const regulus::DetectionList3d& found) {
        const KittiCamera camera(folders, ids[i]);
        std::vector<regulus::KittiObject> objects;
        for (const regulus::Detection3d& detection : found) {
            const auto object = regulus::kitti_detection(detection.box, double(detection.score), detection.class_name, camera.calibration, camera.width, camera.height);
            if (object) objects.push_back(*object);
        }
        return regulus::json_quote(regulus::kitti_results_text(objects));
    };
    return frames;
}

std::vector<regulus::KittiFrame> kitti_truth(const KittiFolders& folders, const std::vector<std::string>& ids) {
    std::vector<regulus::KittiFrame> frames;
    for (const std::string& id : ids) frames.push_back({id, regulus::read_kitti_objects(folders.labels + "/" + id + ".txt", false), {}});
    return frames;
}

void fill_found(std::vector<regulus::KittiFrame>& frames, const std::vector<std::string>& rows) {
    for (std::size_t i = 0; i < frames.size(); ++i) {
        const std::string who = "eval: frame " + frames[i].id;
        frames[i].found = regulus::parse_kitti_objects(*regulus::parse_json(rows.at(i), who).text(), who, true);
    }
}

}  // namespace tool
