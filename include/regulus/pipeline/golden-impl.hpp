#pragma once
#include <algorithm>
#include <cstdio>
#include <optional>
#include <set>

#include <regulus/converters/convert.hpp>
#include <regulus/graph/kernels/boxes.hpp>
#include <regulus/pipeline/any_detector.hpp>
#include <regulus/pipeline/golden_case-impl.hpp>
#include <regulus/pipeline/golden_compare-impl.hpp>
#include <regulus/pipeline/golden_objects-impl.hpp>
#include <regulus/pipeline/panoptic_detector.hpp>
#include <regulus/zoo/zoo.hpp>

namespace regulus {

namespace detail::golden {

/// One case while it is being compared.
class Comparison {
public:
    Comparison(const GoldenCase& peer, const ModelSpec& model, const Backend& backend, const CompileOptions& options)
        : peer_(peer), model_(model), facts_(model.facts), graph_(recorded(model)) {
        if (peer.long_side > 0) {
            facts_.preprocessing.long_side = peer.long_side;
            facts_.preprocessing.short_side = peer.short_side;
        }
        if (const ValueId boxes = graph_.find_label("proposals"); boxes != no_value && peer.proposals > 0) {
            if (auto* nms = std::get_if<ops::Nms>(&graph_.nodes[std::size_t(graph_.values[std::size_t(boxes)].producer)].operation)) nms->limit = int(std::min<std::int64_t>(peer.proposals, nms->limit));
        }
        label_inner_values();
        CompileOptions with_nodes = options;
        std::set<std::string> labels{"proposals", "proposal_scores", "proposal_count", "stage1.regions", "stage2.regions"};
        for (const GoldenTensor& tensor : peer.expected) labels.insert(label_of(tensor.name));
        for (const std::string& label : labels) {
            if (graph_.find_label(label) != no_value) with_nodes.extra_outputs.push_back(label);
        }
        const Program program(backend, graph_, to_regulus(peer.state, graph_), with_nodes);
        batch_ = preprocess(peer.images, facts_.preprocessing);
        Context context;
        std::vector<Tensor> inputs{batch_.input, batch_.image_info};
        if (const int limit = proposal_limit(graph_); limit != 0) {
            for (Tensor& tensor : prepare_proposals(given_proposals(), batch_, limit)) inputs.push_back(std::move(tensor));
        }
        outputs_ = program.run(context, inputs);
        detections_ = collect_detections(outputs_, batch_, facts_, gives_original_pixels(graph_));
    }

    std::vector<GoldenCheck> run() {
        pictures();
        if (const GoldenTensor* input = peer_.find("input")) checks_.push_back(compare_map(*input, batch_.input));
        maps();
        proposals();
        rows_of_proposals();
        for (std::size_t i = 0; i < peer_.images.size(); ++i) detections(i);
        rows_of_detections();
        if (gives_segments(graph_)) compare_segments(peer_, collect_labels(outputs_, batch_), detections_, facts_, checks_);
        return std::move(checks_);
    }

private:
    /// "class_logits_first64" -> "class_logits".
    static std::string label_of(const std::string& name) {
        const std::size_t at = name.rfind("_first");
        return at == std::string::npos ? name : name.substr(0, at);
    }

    /// Golden nodes that models do not label: the stem before its norm, the number of proposals.
    void label_inner_values() {
        const auto producer = [&](ValueId id) -> const Node& { return graph_.nodes[std::size_t(graph_.values[std::size_t(id)].producer)]; };
        if (const ValueId stem = graph_.find_label("stem"); stem != no_value && std::holds_alternative<ops::BatchNorm>(producer(stem).operation)) {
            graph_.values[std::size_t(producer(stem).inputs[0])].label = "stem_conv";
        }
        if (const ValueId boxes = graph_.find_label("proposals"); boxes != no_value) graph_.values[std::size_t(graph_.values[std::size_t(boxes)].count)].label = "proposal_count";  // given ones have it
    }

    /// What the peer was given beside the pictures.
    std::vector<ProposalList> given_proposals() const {
        std::vector<ProposalList> lists;
        for (std::size_t i = 0; i < peer_.images.size(); ++i) {
            const GoldenTensor* alone = peer_.images.size() == 1 ? peer_.find("given_boxes") : nullptr;
            const Tensor& boxes = alone != nullptr ? alone->value : peer_.at("given_boxes." + std::to_string(i)).value;
            if (boxes.dtype() != DType::f32 || boxes.shape().rank() != 2 || boxes.shape()[1] != 4) throw FileError("golden case: given boxes must be float32 [boxes, 4]");
            ProposalList& list = lists.emplace_back(std::size_t(boxes.shape()[0]));
            for (std::size_t k = 0; k < list.size(); ++k) std::copy_n(boxes.data<float>() + 4 * k, 4, list[k].begin());
        }
        return lists;
    }

    const Tensor* output(const std::string& name) const {
        for (const auto& [key, tensor] : outputs_.entries()) {
            if (key == name) return &tensor;
        }
        return nullptr;
    }

    /// Bytes of decoded and resized pictures, CHW, in the order of channels that the peer decodes to.
    void pictures() {
        const bool decodes_to_bgr = model_.code_base != "torchvision";
        for (std::size_t i = 0; i < peer_.images.size(); ++i) {
            const std::string number = "." + std::to_string(i);
            const auto compare = [&](const std::string& name, const Image& image) {
                const GoldenTensor* expected = peer_.find(name);
                if (expected == nullptr) return;
                const std::int64_t plane = image.height * image.width;
                const bool sampled = !expected->index.empty();
                std::int64_t unequal = sampled || expected->value.numel() == 3 * plane ? 0 : expected->value.numel();
                for (std::int64_t k = 0; unequal == 0 && k < expected->value.numel(); ++k) {
                    const std::int64_t at = sampled ? expected->index[std::size_t(k)] : k;
                    const std::int64_t channel = at / plane;
                    if (at < 0 || channel > 2) {
                        unequal = expected->value.numel();
                    } else {
                        const std::uint8_t ours = image.pixels[std::size_t(at % plane * 3 + (decodes_to_bgr ? 2 - channel : channel))];
                        unequal += double(ours) != element(expected->value, k) ? 1 : 0;
                    }
                }
                checks_.push_back({name, "bytes differ", double(unequal), 0, -1, in_words(expected->value.numel(), 3 * plane)});
            };
            compare("decoded" + number, peer_.images[i]);
            if (peer_.find("resized" + number) != nullptr) compare("resized" + number, resize(peer_.images[i], batch_.resized_sizes[i], facts_.preprocessing.interpolation));
        }
    }

    /// Everything labelled that is no row of regions, in the order of the graph.
    void maps() {
        for (const Value& value : graph_.values) {
            if (value.label.empty() || value.is_rows || value.count != no_value) continue;
            const GoldenTensor* expected = peer_.find(value.label);
            const Tensor* ours = output(value.label);
            if (expected != nullptr && ours != nullptr) checks_.push_back(compare_map(*expected, *ours));
        }
    }

    /// Pairs every proposal of the peer with the nearest of ours. A few of the thousand may differ: boxes fall out of a cut and a 0.7
    /// overlap test by the last bit.
    void proposals() {
        const Tensor* ours = output("proposals");
        const Tensor* count = output("proposal_count");
        if (ours == nullptr || count == nullptr || proposes_only()) return;
        const Tensor* scores = output("proposal_scores");  // none of given ones
        std::int64_t first = 0;
        for (std::size_t i = 0; i < peer_.images.size(); ++i) {
            const std::int64_t mine = count->data<std::int32_t>()[i];
            const GoldenTensor* expected = peer_.find("proposals." + std::to_string(i));
            if (expected == nullptr || expected->value.dtype() != DType::f32) return;
            const GoldenTensor* expected_scores = scores == nullptr ? nullptr : peer_.find("proposal_scores." + std::to_string(i));
            const std::int64_t theirs = expected->value.numel() / 4;
            std::int64_t lost = std::abs(theirs - mine);
            Difference score;
            for (std::int64_t k = 0; k < theirs; ++k) {
                std::int64_t nearest = -1;
                double distance = std::numeric_limits<double>::infinity();
                for (std::int64_t j = first; j < first + mine; ++j) {
                    const double d = box_distance(ours->data<float>() + 4 * j, expected->value.data<float>() + 4 * k);
                    if (d < distance) nearest = j, distance = d;
                }
                const bool found = distance <= box_limit;
                lost += found ? 0 : 1;
                proposal_partner_.push_back(found ? Partner{nearest, distance} : Partner{});
                if (found && expected_scores != nullptr) score.add(element(*scores, nearest), element(expected_scores->value, k));
            }
            checks_.push_back({expected->name, "missing", theirs == 0 ? double(lost) : double(lost) / double(theirs), 0.01, -1, std::to_string(theirs - lost) + " of " + std::to_string(theirs) + " within 0.05 pixels"});
            if (expected_scores != nullptr) checks_.push_back({expected_scores->name, "absolute", score.largest, score_limit, score.rms(), in_words(score.count, theirs)});
            first += mine;
        }
    }

    void rows_of_proposals() {
        std::vector<Partner> partner = proposal_partner_;
        compare_labels("", {"roi_feats", "roi_res5", "class_logits", "box_regression"}, partner);
        std::vector<float> theirs;  // the peer's regions
        for (std::size_t i = 0; i < peer_.images.size(); ++i) {
            const GoldenTensor* boxes = peer_.find("proposals." + std::to_string(i));
            if (boxes != nullptr && boxes->value.dtype() == DType::f32) theirs.insert(theirs.end(), boxes->value.data<float>(), boxes->value.data<float>() + boxes->value.numel());
        }
        for (int stage = 0; stage < 3; ++stage) {
            if (stage > 0) move_regions(stage, theirs, partner);
            compare_labels("stage" + std::to_string(stage) + ".", {"roi_feats", "class_logits", "box_regression"}, partner);
        }
    }

    void rows_of_detections() {
        for (const char* stage : {"", "stage0.", "stage1.", "stage2."}) compare_labels(stage, {"mask_roi_feats", "mask_logits", "keypoint_roi_feats", "keypoint_logits_lowres", "keypoint_logits"}, detection_partner_);
    }

    void compare_labels(const std::string& stage, std::initializer_list<const char*> labels, const std::vector<Partner>& partner) {
        for (const char* label : labels) {
            if (const Tensor* ours = output(stage + label)) compare_all_rows(stage + label, *ours, partner);
        }
    }

    /// To the regions of the next stage of a cascade: theirs from what the case holds of the peer, ours as we computed them. What both made of their deltas
    /// lies further apart than the proposals do.
    void move_regions(int stage, std::vector<float>& theirs, std::vector<Partner>& partner) const {
        const std::string name = "stage" + std::to_string(stage) + ".regions";
        const Tensor* ours = output(name);
        const GoldenTensor* deltas = peer_.find("stage" + std::to_string(stage - 1) + ".box_regression");
        if (ours == nullptr || deltas == nullptr || deltas->value.dtype() != DType::f32 || !deltas->index.empty() || deltas->value.numel() != std::int64_t(theirs.size()) || 4 * partner.size() != theirs.size()) return;
        const ops::BoxCoder& coder = std::get<ops::RefineBoxes>(graph_.nodes[std::size_t(graph_.values[std::size_t(graph_.find_label(name))].producer)].operation).coder;
        std::size_t row = 0;
        for (std::size_t i = 0; i < peer_.images.size(); ++i) {
            const kernels::Picture<float> picture = kernels::load_picture(batch_.image_info.data<float>() + 4 * i);
            for (const std::size_t last = row + std::size_t(peer_.at("proposals." + std::to_string(i)).value.numel()) / 4; row < last; ++row) {
                float* box = theirs.data() + 4 * row;
                kernels::store_box(kernels::place_box(coder, false, picture, kernels::load_box(box), deltas->value.data<float>() + 4 * row), box);
                Partner& mine = partner[row];
                if (mine.row >= 0) mine.pixels = box_distance(ours->data<float>() + 4 * mine.row, box);
            }
        }
    }

    /// NAME and NAME_firstN.
    void compare_all_rows(const std::string& label, const Tensor& ours, const std::vector<Partner>& partner) {
        for (const GoldenTensor& expected : peer_.expected) {
            if (label_of(expected.name) == label) checks_.push_back(compare_rows(expected, ours, partner));
        }
    }

    bool proposes_only() const {
        return std::any_of(graph_.outputs.begin(), graph_.outputs.end(), [&](const auto& output) { return output.first == "boxes" && output.second == graph_.find_label("proposals"); });
    }

    /// The result of a network that proposes only, in pixels of the original picture (to which the peer scales its proposals where they lie): each box of the
    /// peer with the nearest of ours.
    void scaled_proposals(std::size_t i, const GoldenTensor& boxes) {
        const GoldenTensor* expected_scores = peer_.find("proposal_scores." + std::to_string(i));
        const std::int64_t theirs = boxes.value.numel() / 4;
        if (boxes.value.dtype() != DType::f32 || (expected_scores != nullptr && expected_scores->value.numel() != theirs)) throw FileError("golden case: boxes and scores of \"" + boxes.name + "\" do not belong together");
        std::int64_t lost = std::abs(theirs - std::int64_t(detections_[i].size()));
        Difference score;
        for (std::int64_t k = 0; k < theirs; ++k) {
            const auto distance = [&](const Detection& mine) { return box_distance(mine.box.data(), boxes.value.data<float>() + 4 * k); };
            const auto nearest = std::min_element(detections_[i].begin(), detections_[i].end(), [&](const Detection& a, const Detection& b) { return distance(a) < distance(b); });
            const bool found = nearest != detections_[i].end() && distance(*nearest) <= box_limit;
            lost += found ? 0 : 1;
            if (found && expected_scores != nullptr) score.add(double(nearest->score), element(expected_scores->value, k));
        }
        checks_.push_back({boxes.name, "missing", theirs == 0 ? double(lost) : double(lost) / double(theirs), 0.01, -1, std::to_string(detections_[i].size()) + " found, " + std::to_string(theirs) + " expected"});
        if (expected_scores != nullptr) checks_.push_back({expected_scores->name, "absolute", score.largest, score_limit, score.rms(), in_words(score.count, theirs)});
    }

    void detections(std::size_t i) {
        const std::string number = "." + std::to_string(i);
        const GoldenTensor* boxes = peer_.find("boxes" + number);
        if (boxes == nullptr) return;
        if (proposes_only()) return scaled_proposals(i, *boxes);
        const Tensor& scores = peer_.at("scores" + number).value;
        const Tensor& labels = peer_.at("labels" + number).value;
        const std::int64_t theirs = boxes->value.numel() / 4;
        const std::vector<Detection>& mine = detections_[i].items;
        if (boxes->value.dtype() != DType::f32 || scores.numel() != theirs || labels.numel() != theirs) throw FileError("golden case: boxes, scores and labels" + number + " do not belong together");
        checks_.push_back({"detections" + number, "fewer or more", std::abs(double(theirs) - double(mine.size())), 0, -1, std::to_string(mine.size()) + " found, " + std::to_string(theirs) + " expected"});

        std::vector<bool> taken(mine.size());
        std::vector<std::int64_t> partner(std::size_t(theirs), -1);
        std::vector<double> distances(std::size_t(theirs), 0);
        Difference distance, score;
        std::int64_t unmatched = 0;
        for (std::int64_t k = 0; k < theirs; ++k) {
            double nearest = std::numeric_limits<double>::infinity();
            std::int64_t choice = -1;
            for (std::size_t j = 0; j < mine.size(); ++j) {
                if (taken[j] || double(mine[j].label) != element(labels, k)) continue;
                const double d = box_distance(mine[j].box.data(), boxes->value.data<float>() + 4 * k);
                if (d < nearest) nearest = d, choice = std::int64_t(j);
            }
            partner[std::size_t(k)] = choice;
            if (choice < 0) {
                ++unmatched;
                continue;
            }
            taken[std::size_t(choice)] = true;
            distances[std::size_t(k)] = distance.add(nearest, 0);
            score.add(double(mine[std::size_t(choice)].score), element(scores, k));
        }
        checks_.push_back({"labels" + number, "without partner", double(unmatched), 0, -1, std::to_string(theirs - unmatched) + " pairs of equal label"});
        checks_.push_back({boxes->name, "pixels", distance.largest, box_limit, distance.rms(), ""});
        checks_.push_back({"scores" + number, "absolute", score.largest, score_limit, score.rms(), ""});
        compare_masks(peer_, i, detections_[i], partner, checks_);
        for (double& pixels : distances) pixels *= double(batch_.resized_sizes[i].height) / double(detections_[i].picture.height);  // of the network's input
        compare_keypoints(peer_, i, detections_[i], partner, distances, facts_.keypoint_score, checks_);
        std::int64_t first = 0;
        for (std::size_t before = 0; before < i; ++before) first += std::int64_t(detections_[before].size());
        for (std::size_t k = 0; k < partner.size(); ++k) detection_partner_.push_back(partner[k] < 0 ? Partner{} : Partner{first + partner[k], distances[k]});
    }

    const GoldenCase& peer_;
    const ModelSpec& model_;
    ModelFacts facts_;
    Graph graph_;
    PreparedBatch batch_;
    Outputs outputs_;
    std::vector<DetectionList> detections_;
    std::vector<Partner> proposal_partner_;   // for each proposal of the peer ours
    std::vector<Partner> detection_partner_;  // for each detection of the peer ours
    std::vector<GoldenCheck> checks_;
};

}  // namespace detail::golden

REGULUS_INLINE GoldenReport verify_golden_case(const std::string& folder, const std::vector<ModelSpec>& models, const Backend& backend, const CompileOptions& options) {
    const GoldenCase peer = read_golden_case(folder);
    const ModelSpec& model = find_model(models, peer.zoo);
    return {folder, model.name, detail::golden::Comparison(peer, model, backend, options).run()};
}

REGULUS_INLINE std::string to_string(const GoldenReport& report) {
    char line[256];
    std::snprintf(line, sizeof line, "  %-24s %10s %10s %10s  %-22s %s\n", "node", "error", "limit", "rms", "measure", "compared");
    std::string text = report.folder + ": " + report.model + "\n" + line;
    int failures = 0;
    for (const GoldenCheck& check : report.checks) {
        char rms[32] = "";
        if (check.rms >= 0) std::snprintf(rms, sizeof rms, "%.1e", check.rms);
        std::snprintf(line, sizeof line, "%s %-24s %10.1e %10.1e %10s  %-22s %s\n", check.passed() ? " " : "!", check.node.c_str(), check.error, check.limit, rms, check.measure.c_str(), check.note.c_str());
        text += line;
        failures += check.passed() ? 0 : 1;
    }
    return text + (report.passed() ? "passed: " + std::to_string(report.checks.size()) + " checks\n" : "FAILED: " + std::to_string(failures) + " of " + std::to_string(report.checks.size()) + " checks\n");
}

}  // namespace regulus
