// PointPillars that learns: from clouds and boxes to the gradients of all parameters, and down the slope.
#include <cmath>

#include <doctest/doctest.h>

#include <regulus/cpu/learning.hpp>
#include <regulus/models/faster_rcnn.hpp>
#include <regulus/models/point_pillars.hpp>
#include <regulus/pipeline/detector3d.hpp>
#include <regulus/reference/learning.hpp>
#include <regulus/train/detector3d_teacher.hpp>
#include <regulus/train/initialise.hpp>
#include <regulus/train/optimiser.hpp>

#include "train/graph_gradient_check.hpp"
#include "train/learning_cases.hpp"
#include "train/slope.hpp"

using namespace regulus;
using namespace regulus::testing;
using namespace regulus::train;

namespace {

inline constexpr PillarGrid grid{{-8, -8, -3, 8, 8, 1}, {0.5f, 0.5f, 4}, 6, 300};
inline constexpr AnchorSet3d anchors = anchors3d({-8, -8, -1.8f, 8, 8, -1.8f}, {{4.f, 1.8f, 1.5f}, {0.7f, 0.6f, 1.7f}});
using Backbone = Second<16, 16, 24, 32, 1, 1, 1>;

/// PointPillars of 32 x 32 pillars with velocities, in both published shapes.
struct OneLevel : PointPillars<grid, PillarNet<grid, PillarCentre::beside, 16, 16>, Backbone, SecondFpn<Backbone::Widths, 16>, anchors, 3, 9, 40> {
    static constexpr PointPillarsSettings settings{.anchors = anchors};
};
struct ThreeLevels : PointPillars<grid, PillarNet<grid, PillarCentre::instead, 16>, Backbone, Fpn<Backbone::Widths, 16, FpnExtra::none, 0, FpnConv::norm_relu>, anchors, 3, 9, 40> {
    static constexpr PointPillarsSettings settings{.anchors = anchors};
};
struct SmallFasterRcnn : FasterRcnn<RegNet<regnetx_200mf>, 64, 5> {};

/// Two clouds: scattered ground, and points on the sides of boxes.
CloudBatch scene() {
    CloudBatch batch;
    batch.truths = {{tensor_of(Shape{2, 9}, {-3, 2, -1.7f, 4.1f, 1.8f, 1.5f, 0.1f, 2, 0.5f, 4, -4, -1.8f, 0.7f, 0.6f, 1.7f, 1.5f, 0, -1}), Tensor(Shape{2}, DType::i32)},
                    {tensor_of(Shape{1, 9}, {1, 1, -1.8f, 3.8f, 1.9f, 1.6f, -1.6f, 0, 0}), Tensor(Shape{1}, DType::i32)}};
    const int labels[] = {0, 2, 1};
    RandomNumbers numbers(17);
    std::vector<PointCloud> clouds;
    for (std::size_t cloud = 0, which = 0; cloud < batch.truths.size(); ++cloud) {
        PointCloud& points = clouds.emplace_back();
        const auto number = [&](double low, double high) { return float(numbers.between(low, high)); };
        for (int i = 0; i < 300; ++i) points.values.insert(points.values.end(), {number(-9, 9), number(-9, 9), number(-2, -1.7), number(0, 0.5)});
        Truth3d& truth = batch.truths[cloud];
        for (std::int64_t box = 0; box < truth.boxes.shape()[0]; ++box, ++which) {
            truth.labels.data<std::int32_t>()[box] = labels[which];
            const float* const b = truth.boxes.data<float>() + 9 * box;
            for (int i = 0; i < 80; ++i) {
                const float along = b[3] * number(-0.5, 0.5), across = b[4] * (i % 2 == 0 ? 0.5f : number(-0.5, 0.5));
                points.values.insert(points.values.end(), {b[0] + along * std::cos(b[6]) - across * std::sin(b[6]), b[1] + along * std::sin(b[6]) + across * std::cos(b[6]), b[2] + b[5] * number(0, 1), number(0, 0.5)});
            }
        }
    }
    std::vector<Tensor> inputs = point_inputs(clouds, 4);
    batch.points = std::move(inputs[0]);
    batch.point_count = std::move(inputs[1]);
    return batch;
}

template <class Backend>
Detector3dTeacher teacher_of(const Backend& backend, const Graph& graph, LearnerOptions options = {}, std::uint64_t seed = 3) {
    options.threads = 2;
    return {backend, graph, initial_weights(graph, "mmdetection3d", seed), detector3d_training(graph), options};
}

const LearnedParameter& named(Detector3dTeacher& teacher, const std::string& name) {
    for (const LearnedParameter& parameter : teacher.learner().parameters()) {
        if (parameter.name == name) return parameter;
    }
    throw ArgumentError("no parameter " + name);
}

double norm_of(const Tensor& tensor) {
    double square = 0;
    for (std::int64_t i = 0; i < tensor.numel(); ++i) square += std::pow(double(tensor.data<float>()[i]), 2);
    return std::sqrt(square);
}

}  // namespace

TEST_CASE("point pillars that learn: by stored statistics both backends give the maps that inference gives") {
    for (const Graph& graph : {recorded<OneLevel>(), recorded<ThreeLevels>()}) {
        CAPTURE(graph.outputs.size());
        const CloudBatch batch = scene();
        const Graph taught = teacher_of(ReferenceLearning{}, graph).learner().graph();
        const Weights weights = random_weights(taught, 5);
        const Outputs expected = run(taught, weights, {batch.points, batch.point_count});
        REQUIRE(expected.entries().size() % 3 == 0);
        Learner reference(ReferenceLearning{}, taught, weights, learner_options(true)), cpu(CpuLearning{}, taught, weights, learner_options(true));
        for (Learner* learner : {&reference, &cpu}) {
            const Outputs outputs = learner->forward({batch.points, batch.point_count});
            for (const auto& entry : expected.entries()) CHECK_MESSAGE(relative_error(outputs[entry.first], entry.second) < 1e-4, entry.first);  // some ten layers of float32
        }
    }
}

TEST_CASE("point pillars that learn: the CPU's losses and gradients are the reference's") {
    for (const Graph& graph : {recorded<OneLevel>(), recorded<ThreeLevels>()}) {
        Detector3dTeacher expected = teacher_of(ReferenceLearning{}, graph), teacher = teacher_of(CpuLearning{}, graph);
        const StepLosses right = expected.step(scene()), losses = teacher.step(scene());
        REQUIRE(losses.parts.size() == 3);
        for (std::size_t i = 0; i < 3; ++i) {
            CAPTURE(losses.parts[i].first);
            CHECK(losses.parts[i].second > 0);
            CHECK(losses.parts[i].second == doctest::Approx(right.parts[i].second).epsilon(1e-5));
        }
        for (std::size_t i = 0; i < expected.learner().parameters().size(); ++i) {
            const LearnedParameter &a = expected.learner().parameters()[i], &b = teacher.learner().parameters()[i];
            REQUIRE(a.name == b.name);
            CAPTURE(a.name);
            CHECK(relative_error(b.value, a.value) < 1e-5);  // the running statistics
            REQUIRE(a.gradient.empty() == b.gradient.empty());
            if (a.gradient.empty()) continue;
            CHECK(norm_of(a.gradient) > 0);
            CHECK(relative_error(b.gradient, a.gradient) < 1e-3);  // sums in float32 through some ten norms, whose derivatives cancel
        }
    }
}

TEST_CASE("point pillars that learn: the loss falls as its gradient says, and to a third in forty steps") {
    for (const Graph& graph : {recorded<OneLevel>(), recorded<ThreeLevels>()}) {
        Detector3dTeacher teacher = teacher_of(CpuLearning{}, graph);
        const CloudBatch batch = scene();
        const auto loss = [&] {
            teacher.learner().clear_gradients();
            return teacher.step(batch).total();
        };
        CHECK(kept_promise(teacher.learner().parameters(), 2e-3, loss) == doctest::Approx(1).epsilon(0.02));  // the slope changes along the step
        const double before = loss();
        Optimiser optimiser(AdamW{}, 1);
        for (int step = 0; step < 40; ++step) {
            loss();
            clip_gradients(teacher.learner().parameters(), 35);
            optimiser.step(teacher.learner().parameters(), 3e-3);
        }
        const double after = loss();
        CAPTURE(before);
        CHECK(after < before / 3);
    }
}

TEST_CASE("pillar nets that learn: the running statistics move towards those of all slots, empty ones among them") {
    LearningCaseList list;
    ops::EncodePillars op;
    op.units = {3};
    op.voxels.max_points = 4;
    list.pillar_net("of one layer", op);
    const LearningCase& one = list.cases.front();
    REQUIRE(!one.rules.stored(0));
    // The decorated rows, and zeros for the empty slots: their sums are zeros too.
    const std::int32_t *const number = one.inputs[3].data<std::int32_t>(), *const count = one.inputs[5].data<std::int32_t>();
    const std::int64_t pillars = count[0] + count[1], width = op.decorated();
    std::int64_t points = 0;
    for (std::int64_t pillar = 0; pillar < pillars; ++pillar) points += number[pillar];
    const ops::EncodePillars placed = std::get<ops::EncodePillars>(one.operation);
    std::vector<double> rows(std::size_t(pillars * 4 * width), 0.0);
    const Doubles cloud = doubles_of(one.inputs[0]);
    for (std::int64_t pillar = 0; pillar < pillars; ++pillar) {
        kernels::decorate_pillar(placed, cloud.data(), one.inputs[1].data<std::int32_t>() + one.inputs[2].data<std::int32_t>()[pillar], number[pillar], one.inputs[4].data<std::int32_t>() + 3 * pillar,
                                 rows.data() + pillar * 4 * width, width, std::int64_t(1));
    }
    REQUIRE(points < pillars * 4);
    for (const bool cpu : {false, true}) {
        const LearningPass pass = cpu ? pass_over(CpuLearning{}, one, Tensor()) : pass_over(ReferenceLearning{}, one, Tensor());
        for (std::int64_t o = 0; o < 3; ++o) {
            double sum = 0, squares = 0;
            const double slots = double(pillars * 4);
            for (std::int64_t slot = 0; slot < pillars * 4; ++slot) {
                double value = 0;
                for (std::int64_t i = 0; i < width; ++i) value += double(one.parameters[0].data<float>()[o * width + i]) * rows[std::size_t(slot * width + i)];
                sum += value;
                squares += value * value;
            }
            const double mean = sum / slots, variance = (squares - slots * mean * mean) / (slots - 1);
            const auto moved = [&](std::size_t which, double towards) { return 0.9 * double(one.parameters[which].data<float>()[o]) + 0.1 * towards; };
            CHECK(double(pass.parameters[3].data<float>()[o]) == doctest::Approx(moved(3, mean)).epsilon(1e-6));
            CHECK(double(pass.parameters[4].data<float>()[o]) == doctest::Approx(moved(4, variance)).epsilon(1e-6));
        }
        for (const std::size_t which : {0, 1, 2}) CHECK(equal(pass.parameters[which], one.parameters[which]));
    }
}

TEST_CASE("point pillars that learn: a frozen layer of the pillar net keeps its statistics, one with stored ones learns by them, the others move") {
    const Graph graph = recorded<OneLevel>();
    const auto changed = [&](const LearnerOptions& options, const std::string& name) {
        Detector3dTeacher teacher = teacher_of(CpuLearning{}, graph, options);
        const Tensor before = named(teacher, name).value.clone();
        teacher.step(scene());
        return !equal(before, named(teacher, name).value);
    };
    const auto learns = [&](const LearnerOptions& options, const std::string& name) {
        Detector3dTeacher teacher = teacher_of(CpuLearning{}, graph, options);
        teacher.step(scene());
        return !named(teacher, name).gradient.empty() && norm_of(named(teacher, name).gradient) > 0;
    };
    LearnerOptions frozen, stored, fixed;
    frozen.frozen = {"pillar_net.1."};
    stored.stored_norms = {"pillar_net.2."};
    fixed.fixed_norms = {"pillar_net."};
    const std::string first = "pillar_net.1.", second = "pillar_net.2.", mean = "norm.running_mean", weight = "norm.weight";
    CHECK(changed({}, first + mean));
    CHECK(changed({}, second + mean));
    CHECK(!changed(frozen, first + mean));
    CHECK(changed(frozen, second + mean));
    CHECK(!learns(frozen, first + "weight"));
    CHECK(!learns(frozen, first + weight));
    CHECK(learns(frozen, second + weight));
    CHECK(changed(stored, first + mean));
    CHECK(!changed(stored, second + mean));
    CHECK(learns(stored, second + weight));
    CHECK(!changed(fixed, first + mean));
    CHECK(!learns(fixed, first + weight));
    CHECK(learns(fixed, first + "weight"));
}

TEST_CASE("point pillars that learn: clouds without points and without boxes teach what background is") {
    const Graph graph = recorded<OneLevel>();
    for (const bool cpu : {false, true}) {
        Detector3dTeacher teacher = cpu ? teacher_of(CpuLearning{}, graph) : teacher_of(ReferenceLearning{}, graph);
        CloudBatch batch = scene();
        batch.point_count = Tensor::zeros(Shape{2}, DType::i32);
        for (Truth3d& truth : batch.truths) truth = {Tensor(Shape{0, 9}, DType::f32), Tensor(Shape{0}, DType::i32)};
        const Tensor mean = named(teacher, "pillar_net.1.norm.running_mean").value.clone();
        const StepLosses losses = teacher.step(batch);
        CHECK(losses.parts[0].second > 0);
        CHECK(std::isfinite(losses.total()));
        CHECK(losses.parts[1].second == 0);
        CHECK(equal(mean, named(teacher, "pillar_net.1.norm.running_mean").value));
        CHECK(norm_of(named(teacher, "pillar_net.1.weight").gradient) == 0);
        CHECK(norm_of(named(teacher, "head.logits.bias").gradient) > 0);
        batch.points = Tensor(Shape{0, 4}, DType::f32);
        CHECK(std::isfinite(teacher.step(batch).total()));
    }
}

TEST_CASE("point pillars that learn: a training has the room for pillars that it asks for") {
    const Graph graph = recorded<OneLevel>();
    Detector3dTraining training = detector3d_training(graph);
    training.max_pillars = 100;
    const Weights weights = initial_weights(graph, "mmdetection3d", 3);
    Detector3dTeacher few(CpuLearning{}, graph, weights, training);
    for (const Node& node : few.learner().graph().nodes) {
        if (const auto* voxelize = std::get_if<ops::Voxelize>(&node.operation)) CHECK(voxelize->max_voxels == 100);
    }
    Detector3dTeacher all(CpuLearning{}, graph, weights, detector3d_training(graph));
    CHECK(few.step(scene()).total() != all.step(scene()).total());  // the scene has more
}

TEST_CASE("point pillars that learn: how the published models are taught, and what does not fit") {
    const Graph graph = recorded<OneLevel>();
    const Detector3dTraining training = detector3d_training(graph);
    CHECK(training.targets.classes == 3);
    CHECK(training.targets.code == 9);
    CHECK(training.targets.direction_offset == -0.7854f);
    CHECK(training.targets.code_weights == std::vector<float>{1, 1, 1, 1, 1, 1, 1, 0.2f, 0.2f});
    CHECK_THROWS_WITH_AS(detector3d_training(recorded<SmallFasterRcnn>()), "detector3d_teacher: faster_rcnn decodes no 3D boxes by values labelled box_deltas.0, box_deltas.1, ...", ArgumentError);

    const Weights weights = initial_weights(graph, "mmdetection3d", 3);
    Detector3dTraining other = training;
    other.targets.classes = 4;
    CHECK_THROWS_WITH_AS(Detector3dTeacher(CpuLearning{}, graph, weights, other), "detector3d_teacher: point_pillars has 3 classes and boxes of 9 numbers, the training 4 and 9", ArgumentError);
    other = training;
    other.max_pillars = -1;
    CHECK_THROWS_WITH_AS(Detector3dTeacher(CpuLearning{}, graph, weights, other), "detector3d_teacher: a cloud has room for one pillar or more, got -1", ArgumentError);

    Detector3dTeacher teacher = teacher_of(CpuLearning{}, graph);
    CloudBatch batch = scene();
    batch.truths.pop_back();
    CHECK_THROWS_WITH_AS(teacher.step(batch), "detector3d_teacher: there are 2 clouds and the truths of 1", ArgumentError);
    batch = scene();
    batch.truths[0].labels.data<std::int32_t>()[1] = 3;
    CHECK_THROWS_AS(teacher.step(batch), ArgumentError);
    CHECK(norm_of(named(teacher, "head.logits.bias").gradient) == 0);
}

TEST_CASE("pillar nets that learn: one slot has no variance") {
    LearningCaseList list;
    ops::EncodePillars op;
    op.units = {3};
    op.voxels.max_points = 1;
    list.pillar_net("of one slot", op);
    LearningCase& one = list.cases.front();
    one.inputs[5].data<std::int32_t>()[0] = 1;
    one.inputs[5].data<std::int32_t>()[1] = 0;
    const std::string rest = ": \"encode_pillars of one slot, statistics b\" (encode_pillars): a batch's variance needs two slots at least, got one; use larger batches or stored statistics";
    CHECK_THROWS_WITH_AS(pass_over(ReferenceLearning{}, one, Tensor()), ("reference" + rest).c_str(), ShapeError);
    CHECK_THROWS_WITH_AS(pass_over(CpuLearning{}, one, Tensor()), ("cpu" + rest).c_str(), ShapeError);
}
