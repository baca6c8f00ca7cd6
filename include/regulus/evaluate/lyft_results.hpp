#pragma once
// Lyft's detections and annotations in files: the competition's CSV and the JSON of local evaluations.
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/core/error.hpp>
#include <regulus/evaluate/lyft_evaluation.hpp>

namespace regulus {

/// The turn about z that the competition's files hold, as pyquaternion's yaw_pitch_roll gives it: equal to the heading of boxes that stand upright.
double lyft_csv_yaw(const std::array<double, 4>& rotation);

/// The competition's file: `Id,PredictionString` and a line for each of `ids` in their order (those of sample_submission.csv), with
/// `score x y z w l h yaw class` of each box, all parted by single spaces. An id without a sample in `samples` gets an empty string. Numbers read back to the same
/// double. Throws ArgumentError for boxes that evaluate_lyft would refuse, names that hold white space or commas, samples that are there twice or not among the
/// ids (when ids are given; without, the samples' own order is taken).
std::string lyft_csv(std::span<const LyftSample> samples, std::span<const std::string> ids = {});
void write_lyft_csv(const std::string& path, std::span<const LyftSample> samples, std::span<const std::string> ids = {});

/// The first column of sample_submission.csv. Throws FileError for another heading, an empty id, an id there twice.
std::vector<std::string> read_lyft_ids(const std::string& path);

/// Reads the competition's file of detections; boxes come out upright. Throws FileError naming file, line and box for what is not such a file.
std::vector<LyftSample> read_lyft_csv(const std::string& path);
std::vector<LyftSample> parse_lyft_csv(std::string_view text, const std::string& who);

/// {"results": {token: [{"sample_token", "translation", "size", "rotation", "name", "score"}, ...]}}, a sample a line, replaced in one step. Ground truth has no
/// "score" then (scored = false). Throws ArgumentError as lyft_csv.
std::string lyft_sample_json(const LyftSample& sample, bool scored = true);
std::string lyft_json(std::span<const LyftSample> samples, bool scored = true);
void write_lyft_json(const std::string& path, std::span<const LyftSample> samples, bool scored = true);

/// Reads that, or the sdk's flat array of the same boxes (a sample stands where its first box does). A score is needed when `scored`. Throws FileError that names
/// file, box and member for what is not JSON, missing, of a wrong type, not finite, of a size not above 0, or there twice.
std::vector<LyftSample> read_lyft_json(const std::string& path, bool scored);
std::vector<LyftSample> parse_lyft_json(std::string_view text, const std::string& who, bool scored);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/evaluate/lyft_results-impl.hpp>
#endif
