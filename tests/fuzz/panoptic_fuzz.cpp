// COCO's panoptic files: a data set that is read contradicts itself in nothing, results that are read are written and read again, and can be judged.
#include <cstdint>
#include <cstdlib>
#include <string>

#include <regulus/evaluate/panoptic_quality.hpp>

namespace {

/// A picture of one row with a pixel for each segment.
regulus::SegmentMap map_of(const regulus::PanopticAnnotation& annotation) {
    regulus::SegmentMap map{1, std::int64_t(annotation.segments.size()) + 1, {0}};
    for (const regulus::PanopticSegmentInfo& segment : annotation.segments) map.ids.push_back(std::uint32_t(segment.id));
    return map;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    using namespace regulus;
    const std::string text(reinterpret_cast<const char*>(bytes), size);
    try {
        const PanopticDataset dataset = parse_coco_panoptic(text, "fuzz");
        if (!coco_panoptic_problem(dataset).empty()) std::abort();
        const SegmentReader reader = [](const PanopticAnnotation& annotation, const CocoImage&) { return map_of(annotation); };
        const PanopticEvaluation evaluation = evaluate_panoptic(dataset, reader, dataset.annotations, reader, 1);
        if (evaluation.all.categories > 0 && !(evaluation.all.pq >= 0)) std::abort();
    } catch (const FileError&) {
    }
    try {
        const auto results = parse_coco_panoptic_results(text, "fuzz");
        const std::string once = coco_panoptic_json(results);
        if (coco_panoptic_json(parse_coco_panoptic_results(once, "fuzz")) != once) std::abort();
    } catch (const FileError&) {
    }
    return 0;
}
