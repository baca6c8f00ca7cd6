#pragma once
// Comparison with another program: a golden case holds what it computed on a picture, node by node; Regulus rebuilds the network from the
// case's seeded weights, runs it and measures the difference.
#include <string>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/graph/program.hpp>
#include <regulus/pipeline/golden_report.hpp>
#include <regulus/zoo/model_spec.hpp>

namespace regulus {

/// A table of all checks and a line with the verdict.
std::string to_string(const GoldenReport& report);

/// Rebuilds and runs the case in `folder` (case.json, overrides.safetensors, expected.safetensors) and compares, in this order: decoded and
/// resized pictures (equal bytes), the network's input, every stored map (largest difference over the node's standard deviation),
/// proposals, what the heads make of them, final boxes, scores, labels, masks. Pictures are looked for beside the case and in every
/// folder above it.
///
/// The limits are those that the peers' own float32 error was measured to allow: maps 1e-4 (stem, C2) to 8e-4 (C5), heads 4e-4 of the
/// standard deviation (a region's values may move further when its own box lies off the peer's: a quarter of a deviation per pixel of the
/// network's input); 99 % of the proposals within 0.05 pixels; the same detections within 0.05 pixels, scores within 1e-3, masks within
/// 0.5 % of their pixels or ten.
///
/// Throws FileError for a broken case, ArgumentError for a model that `models` lacks, WeightError when the case's state dict is not the
/// model's.
GoldenReport verify_golden_case(const std::string& folder, const std::vector<ModelSpec>& models, const Backend& backend, const CompileOptions& options = {});

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/pipeline/golden-impl.hpp>
#endif
