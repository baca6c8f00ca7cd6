// A detector of point clouds from nothing: teaches the network of crossroads.hpp on made-up scans, judges it on others, and made the scans in clouds/.
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <regulus/cpu.hpp>
#include <regulus/cpu/learning.hpp>
#include <regulus/data/cloud_augment.hpp>
#include <regulus/data/point_cloud_file.hpp>
#include <regulus/evaluate/nuscenes_convert.hpp>
#include <regulus/evaluate/nuscenes_evaluation.hpp>
#include <regulus/pipeline/detector3d.hpp>
#include <regulus/train/cloud_truths.hpp>
#include <regulus/train/detector3d_teacher.hpp>
#include <regulus/train/initialise.hpp>
#include <regulus/train/optimiser.hpp>
#include <regulus/train/schedule.hpp>
#include <regulus/weights/read_weights.hpp>
#include <regulus/weights/write_safetensors.hpp>

#include "crossroads.hpp"
#include "crossroads_scenes.hpp"

namespace {

namespace train = regulus::train;

constexpr int fewest_points = 5;  // of an object that is to be learnt or found

std::uint64_t scan_key(std::string_view use, std::uint64_t number) { return regulus::random_key(regulus::random_key(20261123, use), number); }

train::CloudBatch batch_of(std::int64_t step, int clouds) {
    std::vector<crossroads::Scan> scans(static_cast<std::size_t>(clouds));
#pragma omp parallel for
    for (int i = 0; i < clouds; ++i) {
        const std::uint64_t key = scan_key("teach", std::uint64_t(step * clouds + i));
        scans[std::size_t(i)] = crossroads::make_scan(key);
        if (i % 2 == 1) regulus::shuffle_points(scans[std::size_t(i)].cloud, key);  // the others as the scanner gives them: of a full pillar's points those of the first columns stay
    }
    train::CloudBatch batch;
    std::vector<regulus::PointCloud> points;
    for (crossroads::Scan& scan : scans) {
        std::vector<train::CloudObject> objects;
        for (const crossroads::Object& object : scan.objects) {
            if (object.points >= fewest_points) objects.push_back({object.box, object.label});
        }
        batch.truths.push_back(train::truth_in_range(objects, crossroads_grid.range, 7));
        regulus::keep_in_range(scan.cloud, crossroads_grid.range);
        points.push_back(std::move(scan.cloud));
    }
    std::vector<regulus::Tensor> inputs = regulus::point_inputs(points, 4);
    batch.points = std::move(inputs[0]);
    batch.point_count = std::move(inputs[1]);
    return batch;
}

/// As nuScenes judges it; nothing beyond where it judges the class.
std::optional<regulus::NuScenesBox> as_nuscenes(const regulus::Box3d& box, double score, int label) {
    constexpr int labels[] = {regulus::nuscenes_label::car, regulus::nuscenes_label::pedestrian, regulus::nuscenes_label::bicycle};
    return regulus::nuscenes_detection(box, score, labels[label], {}, {});
}

/// nuScenes' average precision on scans that were not taught, in words.
std::string judged(const regulus::Weights& weights, int scans) {
    const regulus::Detector3d<Crossroads> detector{regulus::CpuBackend{}, weights};
    std::vector<regulus::NuScenesTruth> truths;
    std::vector<regulus::NuScenesResult> results;
    for (int i = 0; i < scans; ++i) {
        const crossroads::Scan scan = crossroads::make_scan(scan_key("judge", std::uint64_t(i)));
        regulus::NuScenesTruth truth;
        truth.sample_token = std::to_string(i);
        for (const crossroads::Object& object : scan.objects) {
            const float reach = crossroads_grid.range[3];
            if (object.points < fewest_points || std::abs(object.box.x) >= reach || std::abs(object.box.y) >= reach) continue;
            if (const auto box = as_nuscenes(object.box, 0, object.label)) truth.boxes.push_back(*box);
        }
        regulus::NuScenesResult result{truth.sample_token, {}};
        for (const regulus::Detection3d& found : detector(scan.cloud)) {
            if (const auto box = as_nuscenes(found.box, double(found.score), found.label)) result.boxes.push_back(*box);
        }
        truths.push_back(std::move(truth));
        results.push_back(std::move(result));
    }
    const regulus::NuScenesEvaluation evaluation = regulus::evaluate_nuscenes(truths, results);
    std::string text = "average precision on " + std::to_string(scans) + " other scans, mean over 0.5, 1, 2, 4 m (at 0.5 m; error of the heading):";
    for (const auto& [name, label] : {std::pair{" car", regulus::nuscenes_label::car}, {", pedestrian", regulus::nuscenes_label::pedestrian}, {", cyclist", regulus::nuscenes_label::bicycle}}) {
        char part[96];
        std::snprintf(part, sizeof part, "%s %.1f (%.1f; %.2f rad)", name, 100 * evaluation.class_ap[std::size_t(label)], 100 * evaluation.average_precision(std::size_t(label), 0),
                      evaluation.class_errors[std::size_t(label)][2]);
        text += part;
    }
    return text;
}

void teach(const std::string& path, std::int64_t steps) {
    constexpr int clouds = 2;
    const regulus::Graph graph = regulus::recorded<Crossroads>();
    train::Detector3dTraining training = train::detector3d_training(graph);
    training.targets.assigner = {0.45f, 0.3f, 0.1f};
    train::LearnerOptions learner;
    learner.norm_momentum = 0.02;
    train::Detector3dTeacher teacher(regulus::CpuLearning{}, graph, train::initial_weights(graph, "mmdetection3d", 1), training, learner);
    train::Optimiser optimiser(train::AdamW{0.9, 0.99, 1e-8, {0.01, true, true}});
    const train::Schedule schedule{.peak = 2e-3, .curve = train::Schedule::Curve::cosine, .unit = train::Schedule::Unit::iterations, .begin = 0, .end = double(steps),
                                   .warm_up_unit = train::Schedule::Unit::iterations, .warm_up = 200, .warm_up_from = 0.01};
    const auto start = std::chrono::steady_clock::now();
    for (std::int64_t step = 0; step < steps; ++step) {
        const train::StepLosses losses = teacher.step(batch_of(step, clouds));
        train::clip_gradients(teacher.learner().parameters(), 10);
        optimiser.step(teacher.learner().parameters(), train::learning_rate(schedule, 0, step));
        teacher.learner().clear_gradients();
        if (step % 50 == 0 || step + 1 == steps) {
            std::cout << "step " << step << " of " << steps << ", " << std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() << " s";
            for (const auto& [name, loss] : losses.parts) std::cout << ", " << name << ' ' << loss;
            std::cout << std::endl;
        }
        if (step % 500 == 499 || step + 1 == steps) {
            regulus::Weights weights = teacher.learner().weights();
            weights.metadata["regulus.model"] = "regulus/crossroads";
            regulus::write_safetensors(path, weights);
            std::cout << judged(weights, 50) << std::endl;
        }
    }
}

/// Writes each scan as FOLDER/crossroads_NNNN.bin and says what is in it.
void render(const std::string& folder, int scans) {
    for (int i = 0; i < scans; ++i) {
        const crossroads::Scan scan = crossroads::make_scan(scan_key("show", std::uint64_t(i)));
        char name[32];
        std::snprintf(name, sizeof name, "/crossroads_%04d", i);
        regulus::write_bin(folder + name + ".bin", scan.cloud);
        std::cout << name + 1 << ".bin: " << scan.cloud.size() << " points\n";
        for (const crossroads::Object& object : scan.objects) {
            if (object.points < fewest_points) continue;
            std::cout << "  " << Crossroads::facts().class_names[std::size_t(object.label)] << " at " << object.box.x << ' ' << object.box.y << ' ' << object.box.z << ", " << object.box.length << " x "
                      << object.box.width << " x " << object.box.height << ", yaw " << object.box.yaw << ", " << object.points << " points\n";
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view job = argc == 4 ? argv[1] : "";
    const int number = argc == 4 ? std::atoi(argv[3]) : 0;
    if ((job != "teach" && job != "judge" && job != "render") || number < 1) {
        std::cerr << "usage: crossroads teach WEIGHTS STEPS | judge WEIGHTS SCANS | render FOLDER SCANS\n";
        return 2;
    }
    try {
        if (job == "teach") teach(argv[2], number);
        else if (job == "render") render(argv[2], number);
        else std::cout << judged(regulus::read_weights(argv[2]), number) << '\n';
    } catch (const regulus::Error& error) {
        std::cerr << error.what() << '\n';
        return 2;
    }
}
