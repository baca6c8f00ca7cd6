// LVIS's annotations, and after a line break COCO results: what is read can be judged, or is refused with an Error, and every number lies between 0 and 1 or is -1.
#include <cstdint>
#include <cstdlib>
#include <string>

#include <regulus/evaluate/lvis_evaluation.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    using namespace regulus;
    const std::string text(reinterpret_cast<const char*>(bytes), size);
    const std::size_t end = text.find('\n');
    try {
        const LvisDataset dataset = parse_lvis_annotations(text.substr(0, end), "fuzz");
        if (!coco_dataset_problem(dataset.coco).empty()) std::abort();
        if (dataset.pictures.size() != dataset.coco.images.size() || dataset.frequencies.size() != dataset.coco.categories.size()) std::abort();
        const auto results = parse_coco_results(end == std::string::npos ? "[]" : text.substr(end + 1), "fuzz");
        LvisSettings settings;
        settings.threads = 1;
        for (const CocoKind kind : {CocoKind::boxes, CocoKind::masks}) {
            for (const CocoNumber& number : evaluate_lvis(dataset, results, kind, settings).numbers) {
                if (!(number.value == -1 || (number.value >= 0 && number.value <= 1))) std::abort();
            }
        }
    } catch (const Error&) {
    }
    return 0;
}
