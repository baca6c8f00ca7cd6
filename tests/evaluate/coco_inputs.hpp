#pragma once
// Inputs of the tests of COCO evaluation: the shared files, and random data sets.
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <regulus/core/json_cursor.hpp>
#include <regulus/data/file.hpp>
#include <regulus/evaluate/coco_evaluation.hpp>

#include "support/shared.hpp"

namespace regulus::testing {

inline std::string shared_text(const std::string& relative) {
    const auto bytes = read_file(shared_path(relative), 1 << 26);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// The members of the object that a text holds, each still text.
inline std::map<std::string, std::string_view> members_of(std::string_view text, const std::string& who) {
    std::map<std::string, std::string_view> members;
    JsonCursor cursor(text, who);
    cursor.object([&](const std::string& name, std::size_t) { members[name] = cursor.value_text(); });
    return members;
}

/// Boxes on a grid of 4 pixels, so that overlaps tie and meet thresholds; masks are the boxes, so that anybody can count their pixels.
class RandomCoco {
public:
    static constexpr std::int64_t height = 96, width = 128;
    static constexpr int keypoints = 17;

    CocoDataset dataset;
    std::vector<CocoDetection> results;

    explicit RandomCoco(std::uint32_t seed) : random_(seed) {
        const int pictures = whole(1, 7), categories = whole(1, 4);
        for (int i = 0; i < pictures; ++i) dataset.images.push_back({100 - 10 * i + whole(0, 9), width, height, "picture"});  // not in order of id
        for (int k = 0; k < categories; ++k) dataset.categories.push_back({(k * 7 + 3) % 10, "category " + std::to_string(k), ""});
        const int first_id = whole(0, 1);
        for (const CocoImage& image : dataset.images) {
            for (int i = whole(0, 9); i > 0; --i) add_object(image.id, first_id);
            for (int i = whole(0, 25); i > 0; --i) add_result(image.id);
        }
    }

    int whole(int low, int high) { return low + int(random_() % std::uint32_t(high - low + 1)); }
    bool chance(int percent) { return whole(0, 99) < percent; }

private:
    static Rle mask_of(const std::array<double, 4>& box) {
        BitMask mask{height, width, std::vector<std::uint8_t>(std::size_t(height * width))};
        for (std::int64_t y = std::int64_t(box[1]); y < std::int64_t(box[1] + box[3]); ++y) {
            for (std::int64_t x = std::int64_t(box[0]); x < std::int64_t(box[0] + box[2]); ++x) mask.bits[std::size_t(y * width + x)] = 1;
        }
        return rle_encode(mask);
    }

    std::array<double, 4> box() {
        const int x = 4 * whole(0, 20), y = 4 * whole(0, 15);
        return {double(x), double(y), double(4 * whole(1, (int(width) - x) / 4)), double(4 * whole(1, (int(height) - y) / 4))};
    }

    std::vector<double> points_in(const std::array<double, 4>& box, bool labelled) {
        std::vector<double> points;
        for (int k = 0; k < keypoints; ++k) {
            const bool here = labelled && chance(60);
            points.insert(points.end(),
                          {here ? box[0] + whole(0, int(box[2])) : 0.0, here ? box[1] + whole(0, int(box[3])) : 0.0, here ? double(whole(1, 2)) : 0.0});
        }
        return points;
    }

    void add_object(std::int64_t image, int first_id) {
        CocoAnnotation object;
        object.id = first_id + std::int64_t(dataset.annotations.size());
        object.image_id = image;
        object.category_id = dataset.categories[std::size_t(whole(0, int(dataset.categories.size()) - 1))].id;
        object.bbox = box();
        const double areas[] = {0, 1024, 9216, 5000};
        object.area = chance(70) ? object.bbox[2] * object.bbox[3] : areas[whole(0, 3)];
        object.iscrowd = chance(12);
        object.keypoints = points_in(object.bbox, !object.iscrowd && chance(85));
        for (std::size_t i = 2; i < object.keypoints.size(); i += 3) object.num_keypoints += object.keypoints[i] > 0;
        const auto& [x, y, w, h] = object.bbox;
        if (object.iscrowd || chance(50)) object.rle = mask_of(object.bbox);
        else object.polygons = {{x, y, x, y + h, x + w, y + h, x + w, y}};
        dataset.annotations.push_back(object);
    }

    void add_result(std::int64_t image) {
        CocoDetection result;
        result.image_id = image;
        if (!dataset.annotations.empty() && chance(65)) {
            const CocoAnnotation& object = dataset.annotations[std::size_t(whole(0, int(dataset.annotations.size()) - 1))];
            result.category_id = object.category_id;
            result.bbox = object.bbox;
            if (chance(50)) (*result.bbox)[0] = std::max(0.0, object.bbox[0] - 4);
            if (chance(30) && object.bbox[3] > 4) (*result.bbox)[3] -= 4;
            result.keypoints = object.keypoints;
            for (double& value : result.keypoints) value += whole(-20, 20) / 10.0;
        } else {
            result.category_id = chance(10) ? 777 : dataset.categories[std::size_t(whole(0, int(dataset.categories.size()) - 1))].id;
            result.bbox = box();
            result.keypoints = points_in(*result.bbox, true);
        }
        result.score = whole(0, 20) / 20.0;
        result.segmentation = mask_of(*result.bbox);
        results.push_back(result);
    }

    std::mt19937 random_;
};

}  // namespace regulus::testing
