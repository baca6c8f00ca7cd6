// Top-k, anchor decoding, suppression and class candidates of the CPU backend; scores that tie.
#include "scene.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

/// Outputs of one list, every array of it.
void give_out(Graph& graph, const Candidates& list) { graph.outputs = {{"boxes", list.boxes}, {"scores", list.scores}, {"labels", list.labels}, {"count", list.count}}; }

/// A score map of `channels` channels straight from the picture, deltas from the channels behind it.
struct DenseScene {
    Graph graph;
    ValueId logits = no_value, deltas = no_value, info = no_value;
    int anchors, classes;

    DenseScene(int anchor_count, int class_count) : anchors(anchor_count), classes(class_count) {
        graph.name = "dense";
        const ValueId image = record::image_input(graph, channels());
        info = record::image_info_input(graph);
        logits = select("logits", anchors * classes, image);
        deltas = select("deltas", 4 * anchors, image);
    }
    int channels() const { return anchors * classes + 4 * anchors; }

    Candidates candidates(ops::TopK top_k, ops::BoxCoder coder = {}, bool rescale = false) {
        ops::DecodeAnchors decode;
        for (int i = 0; i < anchors; ++i) decode.anchors.push_back({-3.f - float(i), -5.f, 3.f + float(i), 5.f});
        decode.stride = 4;
        decode.classes = classes;
        decode.label_offset = 2;
        decode.coder = coder;
        decode.rescale = rescale;
        return record::anchor_candidates(Scope(graph) / "list", top_k, decode, logits, deltas, info);
    }

    Weights weights() const {
        Weights weights;
        for (const char* name : {"logits.weight", "deltas.weight"}) {
            const bool scores = name[0] == 'l';
            Tensor tensor = Tensor::zeros(Shape{scores ? anchors * classes : 4 * anchors, channels(), 1, 1});
            for (std::int64_t i = 0; i < tensor.shape()[0]; ++i) tensor.data<float>()[i * channels() + (scores ? 0 : anchors * classes) + i] = 1.f;
            weights.add(name, tensor);
        }
        return weights;
    }

private:
    ValueId select(const char* name, int out, ValueId image) {
        ops::Conv2d op;
        op.in_channels = channels();
        op.out_channels = out;
        return record::conv2d(Scope(graph) / name, op, image);
    }
};

/// Scores rounded to eighths, so that most of them tie.
std::vector<Tensor> tied_inputs(const Graph& graph, const InputSize& size, std::uint64_t seed) {
    std::vector<Tensor> inputs = random_inputs(graph, size, seed);
    for (std::int64_t i = 0; i < inputs[0].numel(); ++i) inputs[0].data<float>()[i] = std::round(inputs[0].data<float>()[i] * 8) / 8;
    return inputs;
}

}  // namespace

TEST_CASE("cpu lists: the best scores where most of them tie, in the reference's order") {
    // Scores and labels come from the same order, so equal boxes mean equal indices. The float reference is the oracle: a sigmoid in double
    // may order two logits whose float sigmoids are equal.
    for (const int limit : {1, 7, 100, 5000}) {
        for (const float threshold : {-INFINITY, 0.5f, 0.999f}) {
            for (const InputSize size : {InputSize{1, 1, 1}, InputSize{2, 1, 33}, InputSize{3, 13, 17}}) {
                DenseScene scene(3, 4);
                give_out(scene.graph, scene.candidates({limit, threshold}));
                const std::vector<Tensor> inputs = tied_inputs(scene.graph, size, 5);
                const Outputs cpu = run_on(CpuBackend{}, scene.graph, scene.weights(), inputs), reference = run_on(ReferenceBackend{}, scene.graph, scene.weights(), inputs);
                INFO("limit " << limit << " threshold " << threshold);
                CHECK(same_bits(cpu["scores"], reference["scores"]));
                CHECK(same_bits(cpu["labels"], reference["labels"]));
                CHECK(same_bits(cpu["count"], reference["count"]));
                CHECK(relative_difference(cpu["boxes"], reference["boxes"]) <= one_layer);
            }
        }
    }
}

TEST_CASE("cpu lists: maps so large that they are searched in parts, with ties across them, with any number of threads") {
    for (const int limit : {7, 1000}) {
        for (const float threshold : {-INFINITY, 0.7f, 0.8807970f, 0.999f}) {  // the greatest logit is 2; all, some, the ties of the greatest, none
            DenseScene scene(3, 4);
            give_out(scene.graph, scene.candidates({limit, threshold}));
            const std::vector<Tensor> inputs = tied_inputs(scene.graph, {2, 300, 301}, 5);  // 1,083,600 scores
            const Outputs reference = run_on(ReferenceBackend{}, scene.graph, scene.weights(), inputs);
            for (const int threads : {1, 3}) {
                const Outputs cpu = run_on(CpuBackend{}, scene.graph, scene.weights(), inputs, {.threads = threads});
                INFO("limit " << limit << " threshold " << threshold << " threads " << threads);
                CHECK(same_bits(cpu["scores"], reference["scores"]));
                CHECK(same_bits(cpu["labels"], reference["labels"]));
                CHECK(same_bits(cpu["count"], reference["count"]));
                CHECK(relative_difference(cpu["boxes"], reference["boxes"]) <= one_layer);
            }
        }
    }
}

TEST_CASE("cpu lists: a top-k whose pool fills many times keeps the best") {
    DenseScene scene(3, 4);
    give_out(scene.graph, scene.candidates({50, -INFINITY}));
    const InputSize size{1, 64, 80};  // 61,440 scores through a pool of 4,146
    std::vector<Tensor> inputs = random_inputs(scene.graph, size);
    std::sort(inputs[0].data<float>(), inputs[0].data<float>() + 12 * 64 * 80);  // rising: the worst order
    check_equal_to_reference(scene.graph, scene.weights(), inputs);
}

TEST_CASE("cpu lists: decoded boxes with each way of coding, in network and original pixels, of pictures of unlike size") {
    for (const bool both_sides : {true, false}) {
        for (const bool clip : {true, false}) {
            for (const bool rescale : {true, false}) {
                DenseScene scene(2, 3);
                give_out(scene.graph, scene.candidates({200, 0.5f}, {{0.1f, 0.1f, 0.2f, 0.2f}, 4.135166556742356f, both_sides, clip}, rescale));
                std::vector<Tensor> inputs = random_inputs(scene.graph, {2, 9, 12});
                const float info[8] = {36.f, 48.f, 0.5f, 0.75f, 20.f, 31.f, 1.6f, 1.5f};
                std::copy_n(info, 8, inputs[1].data<float>());
                check_equal_to_reference(scene.graph, scene.weights(), inputs);
            }
        }
    }
}

TEST_CASE("cpu lists: suppression over several lists where scores tie, within labels, batches of unlike pictures") {
    for (const float iou : {0.f, 0.3f, 0.7f, 1.f}) {
        for (const float min_size : {-1.f, 0.f, 9.f}) {
            for (const int limit : {1, 5, 300}) {
                DenseScene scene(2, 3);
                const Candidates first = scene.candidates({40, 0.5f}), second = scene.candidates({25, 0.4f});
                ops::Nms op;
                op.iou_threshold = iou;
                op.limit = limit;
                op.min_size = min_size;
                const std::vector<ValueId> kept = record::nms(Scope(scene.graph) / "nms", op, {first, second});
                scene.graph.outputs = {{"boxes", kept[0]}, {"scores", kept[1]}, {"labels", kept[2]}, {"count", kept[3]}};
                INFO("iou " << iou << " min_size " << min_size << " limit " << limit);
                const std::vector<Tensor> inputs = tied_inputs(scene.graph, {3, 6, 7}, 11);
                check_outputs(run_on(CpuBackend{}, scene.graph, scene.weights(), inputs), run_on(ReferenceBackend{}, scene.graph, scene.weights(), inputs));
            }
        }
    }
}

TEST_CASE("cpu lists: NaN scores are never chosen") {
    DenseScene scene(1, 1);
    give_out(scene.graph, scene.candidates({100, -INFINITY}));
    std::vector<Tensor> inputs = random_inputs(scene.graph, {1, 4, 5});
    for (const int cell : {0, 7, 19}) inputs[0].data<float>()[cell] = NAN;
    const Outputs cpu = run_on(CpuBackend{}, scene.graph, scene.weights(), inputs);
    CHECK(cpu["count"].data<std::int32_t>()[0] == 17);
    for (int i = 0; i < 17; ++i) CHECK(std::isfinite(cpu["scores"].data<float>()[i]));
}

TEST_CASE("cpu lists: class candidates of every threshold, class-agnostic or not, with their suppression") {
    for (const bool agnostic : {false, true}) {
        for (const float threshold : {0.f, 0.2f, 0.9f}) {
            for (const std::vector<int>& counts : {std::vector<int>{0}, {1}, {12, 0, 5}}) {
                Scene scene;
                const std::vector<ValueId> rois = scene.rois(12);
                ops::RoiAlign align{{1}, 1, 0, true, 56.f, ops::LevelRule::mmdetection};
                const ValueId pooled = record::roi_align(scene.scope() / "align", align, scene.pyramid(1, 8), rois[0], rois[3]);
                const ValueId probabilities = record::softmax(scene.scope() / "softmax", record::linear(scene.scope() / "scores", ops::Linear{8, 5, true, Activation::none}, pooled));
                const ValueId deltas = record::linear(scene.scope() / "boxes", ops::Linear{8, agnostic ? 4 : 16, true, Activation::none}, pooled);
                ops::ClassCandidates op;
                op.classes = 4;
                op.threshold = threshold;
                op.class_agnostic = agnostic;
                op.coder.stds = {0.1f, 0.1f, 0.2f, 0.2f};
                const Candidates list = record::class_candidates(scene.scope() / "candidates", op, probabilities, deltas, rois[0], rois[3], scene.info);
                give_out(scene.graph, list);
                ops::Nms nms;
                nms.limit = 9;
                const std::vector<ValueId> kept = record::nms(scene.scope() / "nms", nms, {list});
                scene.graph.outputs.emplace_back("kept", kept[0]);
                scene.graph.outputs.emplace_back("kept_count", kept[3]);
                INFO("agnostic " << agnostic << " threshold " << threshold);
                check_equal_to_reference(scene.graph, scene.weights(), Scene::inputs(counts, 11, 13), 5 * one_layer);
            }
        }
    }
}
