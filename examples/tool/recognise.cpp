#include "recognise.hpp"

#include <algorithm>
#include <iterator>

#include <regulus/converters/convert.hpp>
#include <regulus/converters/value_rule.hpp>
#include <regulus/zoo/classifiers.hpp>

#include "models.hpp"
#include "point_models.hpp"

namespace tool {

namespace {

using Shapes = std::map<std::string, regulus::Shape>;

bool begins_with(const std::string& text, const std::string& begin) { return text.compare(0, begin.size(), begin) == 0; }
bool is_counter(const std::string& name) { return name.size() >= 19 && name.compare(name.size() - 19, 19, "num_batches_tracked") == 0; }
/// Caffe2 keeps an optimiser's state as NAME_momentum.
bool is_momentum(const std::string& name, const regulus::NameTable* table) { return table != nullptr && table->code_base == "caffe2" && name.size() >= 9 && name.compare(name.size() - 9, 9, "_momentum") == 0; }
std::string without_module(const std::string& name) { return begins_with(name, "module.") ? name.substr(7) : name; }

/// The shape that our tensor has when the file's is `shape`; the rows that to_foreign_shape adds are taken away.
regulus::Shape our_shape(const regulus::Shape& shape, regulus::ValueRule rule) {
    if (shape.rank() == 0) return shape;
    regulus::Shape ours = shape;
    ours[0] -= regulus::to_foreign_shape(shape, rule)[0] - shape[0];
    return ours[0] < 1 ? shape : ours;
}

/// Names and shapes under our spelling; `affine` norms get their statistics, `old` heads of mmdetection 1.x lose their background.
Shapes our_shapes(const regulus::TensorGroup& group, const regulus::NameTable* table, std::size_t& unknown) {
    Shapes shapes;
    unknown = 0;
    for (const regulus::TensorRecord& tensor : group.tensors) {
        const std::string name = without_module(tensor.name);
        if (is_counter(name) || is_momentum(name, table)) continue;
        if (table == nullptr) {
            shapes[name] = tensor.shape;
            continue;
        }
        const auto renamed = table->renamed_to_ours(name);
        if (!renamed) ++unknown;
        else if (!renamed->name.empty()) shapes[renamed->name] = our_shape(tensor.shape, renamed->values);
    }
    if (table != nullptr && table->affine_norms) {
        Shapes statistics;
        for (const auto& [name, shape] : shapes) {
            if (name.size() < 12 || name.compare(name.size() - 12, 12, ".norm.weight") != 0) continue;
            statistics[name.substr(0, name.size() - 6) + "running_mean"] = statistics[name.substr(0, name.size() - 6) + "running_var"] = shape;
        }
        shapes.insert(statistics.begin(), statistics.end());
    }
    const auto classes = shapes.find("box_head.logits.bias"), boxes = shapes.find("box_head.deltas.bias");
    const bool first = table != nullptr && table->code_base == "mmdetection" && classes != shapes.end() && boxes != shapes.end() && classes->second.rank() == 1 &&
                       boxes->second.rank() == 1 && classes->second[0] > 1 && boxes->second[0] == 4 * classes->second[0];
    if (first) {
        for (const char* name : {"box_head.deltas.bias", "box_head.deltas.weight"}) {
            if (const auto found = shapes.find(name); found != shapes.end() && found->second.rank() > 0) found->second[0] -= 4;
        }
        for (const char* name : {"mask_head.logits.bias", "mask_head.logits.weight"}) {
            if (const auto found = shapes.find(name); found != shapes.end() && found->second.rank() > 0) found->second[0] -= 1;
        }
    }
    return shapes;
}

Shapes backbone_of(const Shapes& shapes) {
    Shapes backbone;
    for (const auto& [name, shape] : shapes) {
        if (begins_with(name, "backbone.")) backbone[name] = shape;
    }
    return backbone;
}

std::string joined(const std::vector<std::int64_t>& values) {
    std::string text;
    for (const std::int64_t value : values) text += (text.empty() ? "" : ", ") + std::to_string(value);
    return text;
}

/// "RegNetX, stem 32, widths 32, 64, 160, 384, depths 1, 2, 7, 12, group width 16".
std::string backbone_in_words(const Shapes& shapes) {
    const auto shape = [&](const std::string& name, int rank) -> const regulus::Shape* {
        const auto found = shapes.find(name);
        return found != shapes.end() && found->second.rank() == rank ? &found->second : nullptr;
    };
    const regulus::Shape* stem = shape("backbone.stem.weight", 4);
    std::vector<std::int64_t> widths, depths, group_widths;
    bool squeezes = false, middle_equal = true;
    for (int stage = 1; stage <= 16; ++stage) {
        std::int64_t depth = 0;
        for (; depth < 1000; ++depth) {
            const std::string block = "backbone.s" + std::to_string(stage) + ".b" + std::to_string(depth + 1);
            const regulus::Shape *b = shape(block + ".b.weight", 4), *c = shape(block + ".c.weight", 4);
            if (b == nullptr || c == nullptr) break;
            if (depth == 0) {
                widths.push_back((*c)[0]);
                group_widths.push_back((*b)[1]);
                middle_equal = middle_equal && (*b)[0] == (*c)[0];
            }
            squeezes = squeezes || shape(block + ".se.reduce.weight", 4) != nullptr;
        }
        if (depth == 0) break;
        depths.push_back(depth);
    }
    if (depths.empty()) return "";
    const bool resnet = stem != nullptr && (*stem)[2] == 7;
    const bool one_group_width = std::all_of(group_widths.begin(), group_widths.end(), [&](std::int64_t width) { return width == group_widths.front(); });
    std::string text = resnet ? "ResNet" : middle_equal ? (squeezes ? "RegNetY" : "RegNetX") : "residual bottlenecks";
    if (stem != nullptr) text += ", stem " + std::to_string((*stem)[0]);
    text += ", widths " + joined(widths) + ", depths " + joined(depths) + ", group width " + (one_group_width ? std::to_string(group_widths.front()) : joined(group_widths));
    return text;
}

std::string in_words(const Shapes& shapes) {
    const auto has = [&](const std::string& begin) {
        const auto found = shapes.lower_bound(begin);
        return found != shapes.end() && begins_with(found->first, begin);
    };
    const std::string backbone = backbone_in_words(shapes);
    std::string kind;
    if (has("keypoint_head.")) kind = "Keypoint R-CNN";
    else if (has("semantic_head.")) kind = "Panoptic FPN";
    else if (has("box_head.1.")) kind = has("mask_head.") ? "Cascade Mask R-CNN" : "Cascade R-CNN";
    else if (has("box_head.")) kind = has("mask_head.") ? "Mask R-CNN" : has("rpn.") ? "Faster R-CNN" : "Fast R-CNN";
    else if (has("head.class_tower.")) kind = "RetinaNet";
    else if (has("pillar_net.") || has("head.directions.")) kind = "PointPillars";
    else if (has("rpn.")) kind = "region proposal network";
    else if (has("classifier.")) kind = "classifier";
    if (has("shared_head.")) kind += " with a shared head";
    if (kind.empty()) return backbone.empty() ? "" : "backbone: " + backbone;
    std::int64_t classes = 0;
    for (const char* name : {"classifier.bias", "box_head.logits.bias", "box_head.1.logits.bias"}) {
        const auto found = shapes.find(name);
        if (found != shapes.end() && found->second.rank() == 1) classes = found->second[0] - (std::string(name) == "classifier.bias" ? 0 : 1);
    }
    return kind + (classes > 0 ? " of " + std::to_string(classes) + " classes" : "") + (backbone.empty() ? "" : ": " + backbone);
}

}  // namespace

Recognised recognise(const regulus::TensorGroup& weights, const std::string& file_name) {
    Recognised result;
    // The table that knows the most names; of equal ones the first. Our own names are those of a graph: stem, s1.b1.a and so on.
    const regulus::NameTable* best = nullptr;
    std::size_t best_hits = 0, ours = 0;
    for (const regulus::TensorRecord& tensor : weights.tensors) {
        const std::string name = without_module(tensor.name);
        ours += name == "backbone.stem.weight" || (begins_with(name, "backbone.s") && name.find(".norm.") != std::string::npos && name.find(".conv") == std::string::npos) ? 1 : 0;
    }
    for (const regulus::NameTable& table : regulus::name_tables()) {
        std::size_t hits = 0;
        for (std::size_t i = 0; i < std::min(weights.tensors.size(), regulus::names_looked_at); ++i) hits += table.to_ours(without_module(weights.tensors[i].name)) ? 1 : 0;
        if (hits > best_hits) best = &table, best_hits = hits;
    }
    if (ours > best_hits) best = nullptr;
    if (best == nullptr && ours == 0) return result;
    result.code_base = best == nullptr ? "regulus" : best->code_base;
    const Shapes shapes = our_shapes(weights, best, result.unknown), backbone = backbone_of(shapes);
    result.architecture = in_words(shapes);
    // A RegNet under ResNet's names: what regnet2mmdet writes of a training by pycls.
    const bool converted = best != nullptr && best->kind == "ResNet" && result.architecture.find("RegNet") != std::string::npos;
    if (converted) result.code_base = "mmdetection";
    const std::string trained_by = converted ? "pycls" : result.code_base;

    struct Entry {
        std::string name, code_base, checkpoint, licence;
        bool whole, same_file;
    };
    std::vector<Entry> found;
    std::map<regulus::Graph (*)(), std::pair<bool, bool>> compared;  // entries share networks
    const auto compare = [&](const auto& model) {
        auto known = compared.find(model.record);
        if (known == compared.end()) {
            const Shapes wanted = parameter_shapes(regulus::recorded(model));
            known = compared.emplace(model.record, std::pair{wanted == shapes, !backbone.empty() && backbone_of(wanted) == backbone}).first;
        }
        if (known->second.second) found.push_back({model.name, model.code_base, model.checkpoint, model.licence, known->second.first, !model.checkpoint.empty() && model.checkpoint == file_name});
    };
    for (const regulus::ModelSpec& model : models()) compare(model);
    for (const regulus::ClassifierSpec& model : regulus::classifier_models()) compare(model);
    for (const regulus::PointDetectorSpec& model : point_models()) compare(model);

    // The published file of that name, else entries of the same code base, else all that fit; backbones where nothing fits as a whole.
    const auto choose = [&](auto&& accepts) {
        std::vector<Entry> chosen;
        std::copy_if(found.begin(), found.end(), std::back_inserter(chosen), accepts);
        return chosen;
    };
    std::vector<Entry> models = choose([](const Entry& e) { return e.whole && e.same_file; });
    if (models.empty()) models = choose([&](const Entry& e) { return e.whole && e.code_base == trained_by; });
    if (models.empty()) models = choose([](const Entry& e) { return e.whole; });
    for (const Entry& entry : models) {
        result.models.push_back(entry.name);
        if (!entry.licence.empty() && std::find(result.licences.begin(), result.licences.end(), entry.licence) == result.licences.end()) result.licences.push_back(entry.licence);
    }
    if (models.empty()) {
        for (const Entry& entry : found) result.backbones.push_back(entry.name);
    }
    return result;
}

}  // namespace tool
