// nuScenes' submissions and ground truth: what is read, written again, reads to the same text; and can be judged.
#include <cstdint>
#include <cstdlib>
#include <string>

#include <regulus/evaluate/nuscenes_evaluation.hpp>
#include <regulus/evaluate/nuscenes_results.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    using namespace regulus;
    const std::string text(reinterpret_cast<const char*>(bytes), size);
    std::vector<NuScenesResult> results;
    try {
        const NuScenesSubmission read = parse_nuscenes_results(text, "fuzz");
        results = read.samples;
        const std::string once = nuscenes_results_json(read.samples, read.meta);
        const NuScenesSubmission again = parse_nuscenes_results(once, "fuzz");
        if (nuscenes_results_json(again.samples, again.meta) != once) std::abort();
    } catch (const FileError&) {
    }
    try {
        const std::vector<NuScenesTruth> truth = parse_nuscenes_truth(text, "fuzz");
        const std::string once = nuscenes_truth_json(truth);
        if (nuscenes_truth_json(parse_nuscenes_truth(once, "fuzz")) != once) std::abort();
        try {
            const NuScenesEvaluation evaluation = evaluate_nuscenes(truth, results);
            if (!(evaluation.mean_ap >= 0 && evaluation.mean_ap <= 1 + 1e-9)) std::abort();
        } catch (const ArgumentError&) {
        }
    } catch (const FileError&) {
    }
    return 0;
}
