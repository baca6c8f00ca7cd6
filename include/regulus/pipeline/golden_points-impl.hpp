#pragma once
#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include <regulus/converters/convert.hpp>
#include <regulus/core/mapped_file.hpp>
#include <regulus/data/point_cloud_file.hpp>
#include <regulus/data/sweeps.hpp>
#include <regulus/pipeline/detector3d-impl.hpp>
#include <regulus/pipeline/golden_case-impl.hpp>
#include <regulus/pipeline/golden_compare-impl.hpp>
#include <regulus/pipeline/golden_points.hpp>
#include <regulus/zoo/point_detectors.hpp>

namespace regulus {

namespace detail::golden {

/// The path of an input: beside the case or in a folder above it.
inline std::string find_input(const std::string& folder, const std::string& name) {
    std::string at = folder;
    for (int up = 0; up < 8; ++up, at += "/..") {
        const std::string path = at + "/" + name;
        try {
            MappedFile::open(path);
            return path;
        } catch (const FileError&) {  // not here: one folder up
        }
    }
    throw FileError("golden case: the input " + name + " is neither in " + folder + " nor in a folder above it");
}

/// The cloud as the case's program loaded it: mmdetection3d 1.4's way to move earlier sweeps.
inline PointCloud points_of_case(const CaseJson& json, const std::string& folder, const PointDetectorFacts& facts) {
    const std::string& file = json.text(json.member(json.root, "points_file"), "points_file");
    const std::string path = find_input(folder, file);
    if (facts.sweeps == 0) {
        PointCloudOptions options;
        options.columns = 4;
        return read_point_cloud(path, options).cloud;
    }
    SweepOptions options;
    options.max_sweeps = std::size_t(json.size(json.member(json.root, "sweeps"), "sweeps"));
    options.transform = SweepTransform::mmdetection3d_1_4;
    const bool many = file.size() > 5 && file.compare(file.size() - 5, 5, ".json") == 0;
    LidarFrame frame{path, 0, {}};
    if (many) frame = read_lidar_frame(path, path.substr(0, path.size() - file.size()));
    return load_sweeps(frame, options).cloud;
}

/// One case while it is being compared.
class PointComparison {
public:
    PointComparison(const CaseJson& json, const std::string& folder, const PointDetectorSpec& model, const Backend& backend, const CompileOptions& options)
        : json_(json), model_(model), graph_(recorded(model)), expected_(expected_tensors(json, folder)) {
        const Weights state = state_dict(json, folder, std::uint64_t(json.size(json.member(json.root, "salt"), "salt")));
        cloud_ = points_of_case(json, folder, model.facts);
        CompileOptions with_nodes = options;
        std::set<std::string> labels{"pillar_order", "pillar_first", "pillar_points", "pillar_cells", "pillars"};
        for (const GoldenTensor& tensor : expected_) labels.insert(label_of(tensor.name));
        for (const std::string& label : labels) {
            if (!label.empty() && graph_.find_label(label) != no_value) with_nodes.extra_outputs.push_back(label);
        }
        const Program program(backend, graph_, loaded(state), with_nodes);
        Context context;
        outputs_ = program.run(context, point_inputs(std::span<const PointCloud>(&cloud_, 1), cloud_.features));
    }

    std::vector<GoldenCheck> run() {
        points();
        pillars();
        for (const char* name : {"pillars", "canvas"}) map(name);
        for (const Value& value : graph_.values) {  // in the order of the graph
            if (value.label.empty()) continue;
            for (const GoldenTensor& tensor : expected_) {
                if (tensor.name != "pillars" && tensor.name != "canvas" && label_of(tensor.name) == value.label) map(tensor.name);
            }
        }
        detections();
        return std::move(checks_);
    }

private:
    Weights loaded(const Weights& state) const { return detail::points::loaded(state, graph_, model_.facts); }

    const GoldenTensor* find(const std::string& name) const {
        for (const GoldenTensor& tensor : expected_) {
            if (tensor.name == name) return &tensor;
        }
        return nullptr;
    }
    const GoldenTensor& at(const std::string& name) const {
        if (const GoldenTensor* found = find(name)) return *found;
        json_.refuse("expected.safetensors has no \"" + name + "\"");
    }

    /// Our label of one of the peer's nodes; empty: not a map, or none of ours.
    std::string label_of(const std::string& node) const {
        std::vector<std::string> parts{""};
        for (const char c : node) {
            if (c == '.') parts.emplace_back();
            else parts.back() += c;
        }
        const auto number = [](const std::string& text) { return text.empty() ? 0 : text.back() - '0'; };
        if (node == "pillars" || node == "canvas") return node;
        if (parts.size() < 2) return "";
        if (parts[0] == "backbone" && parts[1].rfind("layer", 0) == 0) {
            const std::string stage = indexed("s", number(parts[1]));
            return parts.size() == 2 || graph_.find_label(stage + ".b1") == no_value ? stage : stage + ".b1";  // a stage of one block is that block
        }
        if (parts[0] == "backbone" && parts.size() >= 3) return indexed("s", number(parts[2]) + 1) + (parts.size() == 4 ? ".conv1" : "");
        if (parts[0] == "neck" && parts.size() == 3) {
            const int level = number(parts[2]) + 1;
            return parts[1] == "lateral_convs" ? indexed("lateral.c", level) : parts[1] == "deblocks" ? indexed("upsample.c", level) : indexed("P", level);
        }
        if (parts[0] == "neck") return indexed("P", number(parts[1]) + 1);
        if (parts[0] == "head") {
            const std::string kind = parts[1].substr(0, parts[1].size() - 1);
            return indexed(kind == "cls" ? "cls_logits." : kind == "reg" ? "box_deltas." : "directions.", number(parts[1]));
        }
        return "";
    }

    bool in_range(const float* p) const {
        for (std::size_t axis = 0; axis < 3; ++axis) {
            if (!(p[axis] > model_.facts.range[axis] && p[axis] < model_.facts.range[axis + 3])) return false;
        }
        return true;
    }

    void points() {
        const auto count = [&](const char* name, std::size_t ours) {
            const std::int64_t theirs = json_.size(json_.member(json_.root, name), name);
            checks_.push_back({name, "points more or less", std::abs(double(ours) - double(theirs)), 0, -1, std::to_string(theirs) + " points"});
        };
        std::size_t inside = 0;
        for (std::size_t i = 0; i < cloud_.size(); ++i) inside += in_range(cloud_[i]) ? 1 : 0;
        count("points_loaded", cloud_.size());
        count("points_in_range", inside);
    }

    /// Cells and counts of all pillars in their order, and some of the points that they store.
    void pillars() {
        const auto equal = [&](const char* name, const Tensor& ours) {
            const GoldenTensor& expected = at(name);
            const std::vector<std::int64_t> theirs = integers(expected.value, name);
            double unequal = std::abs(double(ours.numel()) - double(theirs.size()));
            for (std::size_t i = 0; i < std::min(theirs.size(), std::size_t(ours.numel())); ++i) unequal += ours.data<std::int32_t>()[i] != theirs[i] ? 1 : 0;
            checks_.push_back({name, "numbers differ", unequal, 0, -1, std::to_string(theirs.size()) + " numbers"});
        };
        equal("voxel_coors_zyx", outputs_["pillar_cells"]);
        equal("voxel_num_points", outputs_["pillar_points"]);

        const GoldenTensor* values = find("voxel_slots");
        if (values == nullptr || values->rows.empty()) return;
        const Tensor &first = outputs_["pillar_first"], &number = outputs_["pillar_points"], &order = outputs_["pillar_order"];
        const std::int64_t slots = max_points();
        Difference difference;
        for (std::size_t k = 0; k < values->rows.size(); ++k) {
            const std::int64_t pillar = values->rows[k] / slots, slot = values->rows[k] % slots;
            if (pillar >= first.numel()) json_.refuse("\"voxel_slots\" names a pillar that there is not");
            const bool stored = slot < number.data<std::int32_t>()[pillar];
            const float* p = stored ? cloud_[std::size_t(order.data<std::int32_t>()[first.data<std::int32_t>()[pillar] + slot])] : nullptr;
            for (int i = 0; i < cloud_.features; ++i) difference.add(stored ? double(p[i]) : 0.0, element(values->value, std::int64_t(k) * cloud_.features + i));
        }
        checks_.push_back({"voxel_slots", "absolute", difference.largest, 1e-5, difference.rms(), std::to_string(values->rows.size()) + " slots"});
    }

    std::int64_t max_points() const {
        for (const Node& node : graph_.nodes) {
            if (const auto* voxelize = std::get_if<ops::Voxelize>(&node.operation)) return voxelize->max_points;
        }
        return 1;
    }

    void map(const std::string& name) {
        const GoldenTensor* expected = find(name);
        const std::string label = label_of(name);
        if (expected == nullptr || label.empty() || graph_.find_label(label) == no_value) return;
        GoldenTensor in_unit = *expected;
        if (const GoldenTensor* pillars = find("pillars"); name == "canvas" && pillars != nullptr) in_unit.std = pillars->std;  // the same values on a map that is empty elsewhere
        GoldenCheck check = compare_map(in_unit, outputs_[label]);
        const std::string part = name.substr(0, name.find('.'));
        check.limit = part == "pillars" || part == "canvas" ? 2e-4 : 2e-3;
        if (part == "head") {
            const double unit = in_unit.std > 0 ? in_unit.std : deviation(in_unit.value);
            check.error *= unit;
            check.rms *= unit;
            check.measure = "absolute";
            check.limit = name.rfind("head.cls", 0) == 0 ? 2e-3 : 5e-4;
        }
        checks_.push_back(std::move(check));
    }

    void detections() {
        const Tensor &boxes = outputs_["boxes"], &scores = outputs_["scores"], &labels = outputs_["labels"];
        const std::vector<std::int64_t> theirs = integers(at("labels").value, "labels");
        double unequal = std::abs(double(theirs.size()) - double(labels.numel()));
        const std::int64_t common = std::min(std::int64_t(theirs.size()), labels.numel());
        for (std::int64_t i = 0; i < common; ++i) unequal += labels.data<std::int32_t>()[i] != theirs[std::size_t(i)] ? 1 : 0;
        checks_.push_back({"labels", "differ", unequal, 0, -1, std::to_string(theirs.size()) + " boxes in their order"});
        const auto compare = [&](const char* name, const Tensor& ours, std::int64_t width, double limit) {
            const GoldenTensor& expected = at(name);
            if (expected.value.numel() != std::int64_t(theirs.size()) * width) json_.refuse(std::string("\"") + name + "\" does not fit the labels");
            Difference difference;
            for (std::int64_t i = 0; i < common * width; ++i) difference.add(element(ours, i), element(expected.value, i));
            checks_.push_back({name, "absolute", difference.largest, limit, difference.rms(), ""});
        };
        compare("boxes", boxes, boxes.shape()[1], 5e-4);
        compare("scores", scores, 1, 2e-4);
    }

    const CaseJson& json_;
    const PointDetectorSpec& model_;
    Graph graph_;
    std::vector<GoldenTensor> expected_;
    PointCloud cloud_;
    Outputs outputs_;
    std::vector<GoldenCheck> checks_;
};

}  // namespace detail::golden

REGULUS_INLINE bool is_point_case(const std::string& folder) {
    const detail::golden::CaseJson json = detail::golden::case_json(folder);
    const Json* family = json.root.find("family");
    return family != nullptr && family->text() != nullptr && *family->text() == "detection3d";
}

REGULUS_INLINE GoldenReport verify_golden_points(const std::string& folder, const std::vector<PointDetectorSpec>& models, const Backend& backend, const CompileOptions& options) {
    const detail::golden::CaseJson json = detail::golden::case_json(folder);
    const PointDetectorSpec& model = find_point_detector(models, json.text(json.member(json.root, "zoo"), "zoo"));
    return {folder, model.name, detail::golden::PointComparison(json, folder, model, backend, options).run()};
}

}  // namespace regulus
