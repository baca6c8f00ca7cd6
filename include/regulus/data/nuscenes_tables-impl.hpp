#pragma once
#include <regulus/data/nuscenes_tables.hpp>

#include <algorithm>
#include <limits>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <regulus/core/json_cursor.hpp>
#include <regulus/core/mapped_file.hpp>
#include <regulus/data/json_row.hpp>

namespace regulus {
namespace data_detail {

/// Reads the tables of one folder in the order in which one names what the next refers to.
class NuScenesReader {
public:
    NuScenesReader(const std::string& folder, const NuScenesOptions& options) : folder_(folder), options_(options) {}

    NuScenesTables read() {
        read_scenes();
        read_samples();
        read_calibrations();
        read_records();
        read_ego_poses();
        link_records();
        if (options_.annotations) read_annotations();
        return std::move(tables_);
    }

private:
    using Index = std::unordered_map<std::string, std::size_t>;

    /// Calls take(row) for each row of a table.
    template <class Take>
    void each(const char* table, Take&& take) {
        const auto file = MappedFile::open(folder_ + "/" + table);
        const std::string who = "read_nuscenes_tables: \"" + file->path() + "\"";
        JsonCursor cursor(std::string_view(reinterpret_cast<const char*>(file->data()), file->size()), who);
        cursor.array("rows", [&](std::size_t index, std::string_view text) { take(JsonRow(text, who + ": row " + std::to_string(index))); });
        cursor.end();
    }

    static void insert(Index& index, const JsonRow& row, std::size_t value) {
        const std::string token = row.text("token");
        if (token.empty() || !index.emplace(token, value).second) row.refuse("token", "a text that no other row has");
    }

    static std::size_t look_up(const Index& index, const JsonRow& row, const char* member, const char* table) {
        const auto found = index.find(row.text(member));
        if (found == index.end()) row.refuse(member, std::string("the token of a row of ") + table);
        return found->second;
    }

    static double seconds(const JsonRow& row) { return row.number("timestamp") / 1e6; }

    void read_scenes() {
        std::unordered_set<std::string> wanted(options_.scenes.begin(), options_.scenes.end());
        each("scene.json", [&](const JsonRow& row) {
            const std::string name = row.text("name");
            if (!options_.scenes.empty() && wanted.erase(name) == 0) return;
            insert(scenes_, row, tables_.scenes.size());
            tables_.scenes.push_back({row.text("token"), name});
        });
        if (!wanted.empty()) throw ArgumentError("read_nuscenes_tables: \"" + folder_ + "/scene.json\" names no scene " + json_quote(wanted.begin()->substr(0, 200)));
    }

    void read_samples() {
        each("sample.json", [&](const JsonRow& row) {
            const auto scene = scenes_.find(row.text("scene_token"));
            if (scene == scenes_.end() && options_.scenes.empty()) row.refuse("scene_token", "the token of a row of scene.json");
            if (scene == scenes_.end()) return;
            insert(samples_, row, tables_.samples.size());
            tables_.samples.push_back({row.text("token"), scene->second, seconds(row), NuScenesLidarRecord::none});
            scaled_.push_back(1e-6 * row.number("timestamp"));
        });
    }

    void read_calibrations() {
        std::unordered_set<std::string> sensors;
        each("sensor.json", [&](const JsonRow& row) {
            if (row.text("channel") == options_.channel) sensors.insert(row.text("token"));
        });
        if (sensors.empty()) throw FileError("read_nuscenes_tables: \"" + folder_ + "/sensor.json\" has no channel " + json_quote(options_.channel));
        each("calibrated_sensor.json", [&](const JsonRow& row) {
            if (sensors.count(row.text("sensor_token")) == 0) return;
            insert(calibrations_, row, tables_.sensor_to_ego.size());
            tables_.sensor_to_ego.push_back(row.pose());
        });
    }

    void read_records() {
        each("sample_data.json", [&](const JsonRow& row) {
            const auto calibration = calibrations_.find(row.text("calibrated_sensor_token"));
            if (calibration == calibrations_.end()) return;
            const auto sample = samples_.find(row.text("sample_token"));
            if (sample == samples_.end() && options_.scenes.empty()) row.refuse("sample_token", "the token of a row of sample.json");
            if (sample == samples_.end()) return;
            const std::size_t number = tables_.lidar.size();
            insert(records_, row, number);
            tables_.lidar.push_back({row.relative_path("filename"), seconds(row), calibration->second, {}, NuScenesLidarRecord::none});
            previous_.push_back(row.text("prev"));
            ego_users_[row.text("ego_pose_token")].push_back(number);
            if (!row.flag("is_key_frame")) return;
            std::size_t& key = tables_.samples[sample->second].key;
            if (key != NuScenesLidarRecord::none) row.refuse("is_key_frame", "false: its sample has another key frame of this channel");
            key = number;
        });
        for (const NuScenesSample& sample : tables_.samples) {
            if (sample.key != NuScenesLidarRecord::none) continue;
            throw FileError("read_nuscenes_tables: \"" + folder_ + "/sample_data.json\": sample " + json_quote(sample.token) + " has no key frame of channel " + json_quote(options_.channel));
        }
    }

    void read_ego_poses() {
        each("ego_pose.json", [&](const JsonRow& row) {
            const auto users = ego_users_.find(row.text("token"));
            if (users == ego_users_.end()) return;
            const Pose pose = row.pose();
            for (const std::size_t record : users->second) tables_.lidar[record].ego_to_global = pose;
            ego_users_.erase(users);
        });
        if (ego_users_.empty()) return;
        const auto& [token, users] = *ego_users_.begin();
        throw FileError("read_nuscenes_tables: \"" + folder_ + "/ego_pose.json\" has no row " + json_quote(token.substr(0, 200)) + ", the pose of \"" + tables_.lidar[users.front()].file + "\"");
    }

    void link_records() {
        for (std::size_t i = 0; i < previous_.size(); ++i) {
            if (previous_[i].empty()) continue;
            const auto before = records_.find(previous_[i]);
            if (before == records_.end()) {
                throw FileError("read_nuscenes_tables: \"" + folder_ + "/sample_data.json\" has no row " + json_quote(previous_[i].substr(0, 200)) + ", the sweep before \"" +
                                tables_.lidar[i].file + "\"");
            }
            if (!(tables_.lidar[before->second].timestamp < tables_.lidar[i].timestamp)) {
                throw FileError("read_nuscenes_tables: \"" + folder_ + "/sample_data.json\": the sweep before \"" + tables_.lidar[i].file + "\" is not older than it");
            }
            tables_.lidar[i].previous = before->second;
        }
    }

    void read_annotations() {
        Index categories, attributes, instances, annotations;
        each("category.json", [&](const JsonRow& row) {
            insert(categories, row, tables_.categories.size());
            tables_.categories.push_back(row.text("name"));
        });
        each("attribute.json", [&](const JsonRow& row) {
            insert(attributes, row, tables_.attributes.size());
            tables_.attributes.push_back(row.text("name"));
        });
        each("instance.json", [&](const JsonRow& row) { insert(instances, row, look_up(categories, row, "category_token", "category.json")); });
        std::vector<std::pair<std::string, std::string>> neighbours;  // tokens of the same object before and after
        each("sample_annotation.json", [&](const JsonRow& row) {
            const auto sample = samples_.find(row.text("sample_token"));
            if (sample == samples_.end() && options_.scenes.empty()) row.refuse("sample_token", "the token of a row of sample.json");
            if (sample == samples_.end()) return;
            insert(annotations, row, tables_.annotations.size());
            NuScenesAnnotation annotation;
            annotation.token = row.text("token");
            annotation.sample = sample->second;
            annotation.category = look_up(instances, row, "instance_token", "instance.json");
            annotation.centre = row.numbers<3>("translation");
            annotation.size = row.numbers<3>("size");
            annotation.rotation = row.numbers<4>("rotation");
            (void)row.pose();  // a rotation
            if (*std::min_element(annotation.size.begin(), annotation.size.end()) < 0) row.refuse("size", "width, length and height, none negative");
            if (row.member("attribute_tokens") != nullptr) {
                for (const std::string& token : row.texts("attribute_tokens")) {
                    const auto found = attributes.find(token);
                    if (found == attributes.end()) row.refuse("attribute_tokens", "tokens of rows of attribute.json");
                    annotation.attributes.push_back(found->second);
                }
            }
            annotation.num_lidar_pts = row.count_if_any("num_lidar_pts");
            annotation.num_radar_pts = row.count_if_any("num_radar_pts");
            tables_.annotations.push_back(std::move(annotation));
            neighbours.emplace_back(row.text("prev"), row.text("next"));
        });
        for (std::size_t i = 0; i < neighbours.size(); ++i) set_velocity(i, neighbours[i].first, neighbours[i].second, annotations);
    }

    /// Of the object between its places before and after, or one of them and now; up to 1.5 s for each of the two steps.
    void set_velocity(std::size_t i, const std::string& before, const std::string& after, const Index& annotations) {
        const auto neighbour = [&](const std::string& token) {
            const auto found = annotations.find(token);
            if (found == annotations.end()) {
                throw FileError("read_nuscenes_tables: \"" + folder_ + "/sample_annotation.json\": row " + json_quote(tables_.annotations[i].token) + " names a neighbour " +
                                json_quote(token.substr(0, 200)) + " that is not there");
            }
            return found->second;
        };
        const NuScenesAnnotation& first = tables_.annotations[before.empty() ? i : neighbour(before)];
        const NuScenesAnnotation& last = tables_.annotations[after.empty() ? i : neighbour(after)];
        const double time = scaled_[last.sample] - scaled_[first.sample];
        const double most = before.empty() || after.empty() ? 1.5 : 3.0;
        const bool known = (!before.empty() || !after.empty()) && time > 0 && time <= most;
        for (std::size_t c = 0; c < 2; ++c) {
            tables_.annotations[i].velocity[c] = known ? (last.centre[c] - first.centre[c]) / time : std::numeric_limits<double>::quiet_NaN();
        }
    }

    const std::string& folder_;
    const NuScenesOptions& options_;
    NuScenesTables tables_;
    Index scenes_, samples_, calibrations_, records_;
    std::vector<double> scaled_;                                           // seconds of the samples, rounded as the data set's own program does
    std::vector<std::string> previous_;                                    // tokens, for each record
    std::unordered_map<std::string, std::vector<std::size_t>> ego_users_;  // records by the token of their pose
};

}  // namespace data_detail

REGULUS_INLINE LidarFrame NuScenesTables::frame(std::size_t sample, const std::string& root, std::size_t max_sweeps) const {
    if (sample >= samples.size()) throw ArgumentError("nuscenes: sample " + std::to_string(sample) + " of " + std::to_string(samples.size()) + " was asked for");
    const NuScenesLidarRecord* record = &lidar[samples[sample].key];
    LidarFrame result{root + "/" + record->file, samples[sample].timestamp, {}};
    const Pose global_to_key = inverse(record->ego_to_global * sensor_to_ego[record->calibration]);
    while (result.sweeps.size() < max_sweeps && record->previous != NuScenesLidarRecord::none) {
        record = &lidar[record->previous];
        result.sweeps.push_back({root + "/" + record->file, record->timestamp, global_to_key * (record->ego_to_global * sensor_to_ego[record->calibration])});
    }
    return result;
}

REGULUS_INLINE NuScenesTables read_nuscenes_tables(const std::string& folder, const NuScenesOptions& options) { return data_detail::NuScenesReader(folder, options).read(); }

}  // namespace regulus
