// Cityscapes' texts of results: what is read, written again, reads to the same; and no path leaves its folder.
#include <cstdint>
#include <cstdlib>
#include <string>

#include <regulus/evaluate/cityscapes_results.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    using namespace regulus;
    const auto write = [](const std::vector<CityscapesResult>& results) {
        std::string text;
        for (const CityscapesResult& result : results) {
            if (result.file.empty() || result.file[0] == '/' || ("/" + result.file + "/").find("/../") != std::string::npos) std::abort();
            text += cityscapes_result_line(result);
        }
        return text;
    };
    try {
        const std::string once = write(parse_cityscapes_results({reinterpret_cast<const char*>(bytes), size}, "fuzz"));
        if (write(parse_cityscapes_results(once, "fuzz")) != once) std::abort();
    } catch (const FileError&) {
    }
    return 0;
}
