#pragma once
#include <algorithm>
#include <set>
#include <utility>

#include <regulus/converters/convert.hpp>
#include <regulus/core/sha256.hpp>
#include <regulus/pipeline/classifier.hpp>
#include <regulus/pipeline/golden_case-impl.hpp>
#include <regulus/pipeline/golden_classification.hpp>
#include <regulus/pipeline/golden_compare-impl.hpp>
#include <regulus/zoo/classifiers.hpp>

namespace regulus {

namespace detail::golden {

/// Limit of a node over its standard deviation; `deep`: with stages of 23 blocks or more.
inline double classifier_limit(const std::string& node, bool deep) {
    const std::string stage = node.substr(0, node.find('.'));
    if (stage == "stem" || stage == "stem_pool") return 5e-5;
    if (stage == "s1") return 1e-4;
    if (stage == "s2") return 3e-4;
    if (stage == "s3") return deep ? 5e-3 : 2.5e-3;
    if (stage == "s4") return deep ? 2e-2 : 6e-3;
    if (stage == "pooled") return deep ? 1e-2 : 3e-3;
    return deep ? 2e-3 : 6e-4;  // logits
}

/// The entry that the case was made with: a preset "..._Weights.IMAGENET1K_V2" has one of its own, and so has a configuration "regnety_040.pycls_in1k".
inline const ClassifierSpec& classifier_of(const GoldenCase& peer, const CaseJson& json, const std::vector<ClassifierSpec>& models) {
    if (const Json* preset = json.root.find("preset"); preset != nullptr && preset->text() != nullptr) {
        const std::string name = peer.zoo + preset->text()->substr(std::min(preset->text()->find('.'), preset->text()->size()));
        for (const ClassifierSpec& model : models) {
            if (model.name == name) return model;
        }
    }
    if (const Json* config = json.root.find("config"); config != nullptr && config->text() != nullptr) {
        const std::string name = peer.zoo.substr(0, peer.zoo.find('/') + 1) + *config->text();
        for (const ClassifierSpec& model : models) {
            if (model.name == name) return model;
        }
    }
    return find_classifier(models, peer.zoo);
}

/// One case while it is being compared.
class ClassifierComparison {
public:
    ClassifierComparison(const GoldenCase& peer, const CaseJson& json, const ClassifierSpec& model, const Backend& backend, const CompileOptions& options)
        : peer_(peer), json_(json), preprocessing_(model.facts.preprocessing), graph_(recorded(model)) {
        for (const Node& node : graph_.nodes) deep_ = deep_ || node.name.find(".b23.") != std::string::npos;
        std::set<std::string> labels;
        for (const GoldenTensor& tensor : peer.expected) labels.insert(label_of(tensor.name));
        CompileOptions with_nodes = options;
        for (const std::string& label : labels) {
            if (label != "logits" && graph_.find_label(label) != no_value) with_nodes.extra_outputs.push_back(label);
        }
        input_ = classify_preprocess(peer.images, preprocessing_);
        const Program program(backend, graph_, to_regulus(peer.state, graph_), with_nodes);
        Context context;
        outputs_ = program.run(context, {input_});
    }

    std::vector<GoldenCheck> run() {
        pictures();
        input();
        for (const char* name : {"stem", "stem_pool", "s1.b1", "s1", "s2.b1", "s2", "s3.b1", "s3", "s4.b1", "s4", "pooled", "logits"}) node(name);
        float64_logits();
        top5();
        return std::move(checks_);
    }

private:
    /// In a stage of one block the block's value has the stage's label.
    std::string label_of(const std::string& name) const {
        const std::size_t block = name.rfind(".b1");
        return block != std::string::npos && graph_.find_label(name) == no_value ? name.substr(0, block) : name;
    }

    /// Decoded bytes by their sum, crops byte by byte.
    void pictures() {
        if (const Json* decoded = json_.root.find("decoded")) {
            const Json::Array& sums = json_.array(*decoded, "decoded");
            double unequal = sums.size() == peer_.images.size() ? 0 : 1;
            for (std::size_t i = 0; i < std::min(sums.size(), peer_.images.size()); ++i) {
                unequal += json_.text(json_.member(sums[i], "rgb_sha256"), "rgb_sha256") != sha256(peer_.images[i].pixels) ? 1 : 0;
            }
            checks_.push_back({"decoded", "pictures differ", unequal, 0, -1, std::to_string(peer_.images.size()) + (peer_.images.size() == 1 ? " picture" : " pictures")});
        }
        const GoldenTensor* crops = peer_.find("input_u8");
        if (crops == nullptr || preprocessing_.resize == ClassifyResize::opencv_float) return;
        std::vector<std::uint8_t> ours;
        for (const Image& image : peer_.images) {
            Image crop = classify_crop(image, preprocessing_);
            if (preprocessing_.channel_order == ChannelOrder::bgr) crop = bgr(std::move(crop));
            ours.insert(ours.end(), crop.pixels.begin(), crop.pixels.end());
        }
        double unequal = std::int64_t(ours.size()) == crops->value.numel() ? 0 : double(crops->value.numel());
        for (std::size_t i = 0; unequal == 0 && i < ours.size(); ++i) unequal += double(ours[i]) != element(crops->value, std::int64_t(i)) ? 1 : 0;
        checks_.push_back({"input_u8", "bytes differ", unequal, 0, -1, in_words(crops->value.numel(), std::int64_t(ours.size()))});
    }

    /// Exact where it is a function of 8-bit values; pycls resizes in float32, where sums round by their order.
    void input() {
        const GoldenTensor* expected = peer_.find("input");
        if (expected == nullptr) return;
        GoldenCheck check = compare_map(*expected, input_);
        const double unit = expected->std > 0 ? expected->std : deviation(expected->value);
        check.error *= unit;
        check.rms *= unit;
        check.measure = "absolute";
        check.limit = preprocessing_.resize == ClassifyResize::opencv_float ? 2e-6 : 0;
        checks_.push_back(std::move(check));
    }

    void node(const std::string& name) {
        const GoldenTensor* expected = peer_.find(name);
        const ValueId value = graph_.find_label(label_of(name));
        if (expected == nullptr || value == no_value) return;
        GoldenCheck check = compare_map(*expected, outputs_[label_of(name)]);
        check.limit = classifier_limit(name, deep_);
        checks_.push_back(std::move(check));
    }

    void float64_logits() {
        const GoldenTensor* expected = peer_.find("logits_float64");
        const GoldenTensor* float32 = peer_.find("logits");
        if (expected == nullptr || float32 == nullptr) return;
        GoldenCheck check = compare_map(*expected, outputs_["logits"]);
        check.limit = 3 * json_.number(json_.member(json_.member(json_.root, "float32_error"), "logits"), "float32_error");
        checks_.push_back(std::move(check));
    }

    void top5() {
        const GoldenTensor* indices = peer_.find("top5_index");
        const GoldenTensor* probabilities = peer_.find("top5_probability");
        if (indices == nullptr || probabilities == nullptr) return;
        const std::size_t n = peer_.images.size();
        const Tensor& logits = outputs_["logits"];
        const std::size_t classes = std::size_t(logits.numel()) / n;
        if (std::size_t(indices->value.numel()) != 5 * n || std::size_t(probabilities->value.numel()) != 5 * n) throw FileError("golden case: " + json_.path + ": top5 must hold five classes a picture");
        double unequal = 0;
        Difference relative;
        for (std::size_t i = 0; i < n; ++i) {
            const std::vector<ClassScore> top = Classification{softmax_of({logits.data<float>() + i * classes, classes}), {}}.top(5);
            for (std::size_t k = 0; k < 5; ++k) {
                const std::int64_t at = std::int64_t(5 * i + k);
                const double theirs = element(probabilities->value, at);
                unequal += k >= top.size() || double(top[k].index) != integers(indices->value, "top5_index")[std::size_t(at)] ? 1 : 0;
                relative.add(k < top.size() ? double(top[k].probability) / theirs : 0, 1);
            }
        }
        checks_.push_back({"top5_index", "classes differ", unequal, 0, -1, std::to_string(5 * n) + " classes"});
        checks_.push_back({"top5_probability", "relative", relative.largest, 1e-3, relative.rms(), std::to_string(5 * n) + " values"});
    }

    const GoldenCase& peer_;
    const CaseJson& json_;
    ClassifyPreprocessing preprocessing_;
    Graph graph_;
    bool deep_ = false;
    Tensor input_;
    Outputs outputs_;
    std::vector<GoldenCheck> checks_;
};

}  // namespace detail::golden

REGULUS_INLINE bool is_classification_case(const std::string& folder) {
    const detail::golden::CaseJson json = detail::golden::case_json(folder);
    const Json* family = json.root.find("family");
    return family != nullptr && family->text() != nullptr && *family->text() == "classification";
}

REGULUS_INLINE GoldenReport verify_golden_classification(const std::string& folder, const std::vector<ClassifierSpec>& models, const Backend& backend, const CompileOptions& options) {
    const detail::golden::CaseJson json = detail::golden::case_json(folder);
    const GoldenCase peer = read_golden_case(folder);
    const ClassifierSpec& model = detail::golden::classifier_of(peer, json, models);
    return {folder, model.name, detail::golden::ClassifierComparison(peer, json, model, backend, options).run()};
}

}  // namespace regulus
