// Pascal VOC's files: an annotation, after a zero byte results, after another a list of pictures; what is read can be judged.
#include <cstdint>
#include <cstdlib>
#include <string>

#include <regulus/evaluate/voc_evaluation.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    using namespace regulus;
    const std::string text(reinterpret_cast<const char*>(bytes), size);
    const std::size_t first = std::min(text.find('\0'), text.size()), second = std::min(text.find('\0', first + 1), text.size());
    VocPicture picture;
    std::vector<VocDetection> detections;
    try {
        picture = parse_voc_annotation(text.substr(0, first), "fuzz");
    } catch (const FileError&) {
    }
    picture.id = "7";
    if (picture.size.height > 0 && picture.size.width > 0 && voc_as_coco({&picture, 1}).annotations.size() != picture.objects.size()) std::abort();
    try {
        if (first < text.size()) detections = parse_voc_results(text.substr(first + 1, second - first - 1), "dog", "fuzz");
    } catch (const FileError&) {
    }
    try {
        if (second < text.size() && parse_voc_ids(text.substr(second + 1), "fuzz").empty()) std::abort();
    } catch (const FileError&) {
    }
    for (VocDetection& detection : detections) detection.picture = "7";
    for (const VocRule rule : {VocRule::eleven_points, VocRule::area}) {
        for (const CocoNumber& number : evaluate_voc({&picture, 1}, detections, {rule, 1}).numbers) {
            if (!(number.value == -1 || (number.value >= 0 && number.value <= 1 + 1e-9))) std::abort();
        }
    }
    return 0;
}
