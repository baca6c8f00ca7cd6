// Lyft's JSON and CSV: what is read, written again, reads to the same; and can be judged.
#include <cstdint>
#include <cstdlib>
#include <string>

#include <regulus/evaluate/lyft_results.hpp>

namespace {

void judge(const std::vector<regulus::LyftSample>& samples) {
    const double mean = regulus::evaluate_lyft(samples, samples).mean_ap;
    if (!(mean >= 0 && mean <= 1 + 1e-9)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    using namespace regulus;
    const std::string text(reinterpret_cast<const char*>(bytes), size);
    for (const bool scored : {true, false}) {
        try {
            const std::vector<LyftSample> samples = parse_lyft_json(text, "fuzz", scored);
            const std::string once = lyft_json(samples, scored);
            if (lyft_json(parse_lyft_json(once, "fuzz", scored), scored) != once) std::abort();
            judge(samples);
        } catch (const FileError&) {
        }
    }
    try {
        const std::vector<LyftSample> samples = parse_lyft_csv(text, "fuzz");
        judge(samples);
        const std::vector<LyftSample> again = parse_lyft_csv(lyft_csv(samples), "fuzz");  // turns go through sine and arc tangent: not to the digit
        if (again.size() != samples.size()) std::abort();
        for (std::size_t i = 0; i < samples.size(); ++i) {
            if (again[i].sample_token != samples[i].sample_token || again[i].boxes.size() != samples[i].boxes.size()) std::abort();
        }
    } catch (const FileError&) {
    } catch (const ArgumentError&) {  // ids and names that the writer does not write
    }
    return 0;
}
