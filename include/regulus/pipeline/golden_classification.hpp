#pragma once
// Comparison with another program, for classifiers: as golden.hpp for detectors.
#include <string>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/graph/program.hpp>
#include <regulus/pipeline/golden_report.hpp>
#include <regulus/zoo/classifier_spec.hpp>

namespace regulus {

/// Whether the case in `folder` is one of a classifier ("family": "classification" in case.json). Throws FileError when that cannot be read.
bool is_classification_case(const std::string& folder);

/// Rebuilds and runs the case in `folder` and compares: decoded pictures (SHA-256), crops (equal bytes), the network's input, every stored node
/// (largest difference over the node's standard deviation), the five most probable classes (equal indices, probabilities within a thousandth), and the
/// logits with those of the same net in float64 (within three times the peer's own float32 error).
///
/// Limits of nodes are those that the peers' own error was measured to allow: 5e-5 (stem), 1e-4 (s1), 3e-4 (s2), 2.5e-3 (s3), 6e-3 (s4), 3e-3 (pooled),
/// 6e-4 (logits); for ResNets of 101 and more layers, which amplify rounding more, 5e-3, 2e-2, 1e-2, 2e-3 from s3 on.
///
/// Throws as verify_golden_case does.
GoldenReport verify_golden_classification(const std::string& folder, const std::vector<ClassifierSpec>& models, const Backend& backend, const CompileOptions& options = {});

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/pipeline/golden_classification-impl.hpp>
#endif
