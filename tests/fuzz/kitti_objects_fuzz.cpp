// KITTI's label and results files: what is read can be judged and written, and what is written is read.
#include <cstdint>
#include <cstdlib>
#include <string>

#include <regulus/evaluate/kitti_evaluation.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    using namespace regulus;
    const std::string text(reinterpret_cast<const char*>(bytes), size);
    KittiFrame frame{"fuzz", {}, {}};
    try {
        frame.truth = parse_kitti_objects(text, "fuzz", false);
    } catch (const FileError&) {
    }
    try {
        frame.found = parse_kitti_objects(text, "fuzz", true);
    } catch (const FileError&) {
    }
    if (frame.truth.empty()) frame.truth = frame.found;
    const std::string once = kitti_results_text(frame.found);
    if (parse_kitti_objects(once, "fuzz", true).size() != frame.found.size()) std::abort();
    if (frame.truth.size() + frame.found.size() > 200) return 0;
    const KittiEvaluation evaluation = evaluate_kitti({&frame, 1});
    for (const KittiCurve& curve : evaluation.curves) {
        if (!(curve.ap40() >= 0 && curve.ap40() <= 100 + 1e-9)) std::abort();
    }
    return 0;
}
