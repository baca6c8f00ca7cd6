// The definitions of include/regulus/ itself.
#include <regulus/pipeline/any_detector-impl.hpp>
#include <regulus/pipeline/augmented-impl.hpp>
#include <regulus/pipeline/classifier-impl.hpp>
#include <regulus/pipeline/detection-impl.hpp>
#include <regulus/pipeline/detector3d-impl.hpp>
#include <regulus/pipeline/draw-impl.hpp>
#include <regulus/pipeline/golden-impl.hpp>
#include <regulus/pipeline/golden_case-impl.hpp>
#include <regulus/pipeline/golden_classification-impl.hpp>
#include <regulus/pipeline/golden_compare-impl.hpp>
#include <regulus/pipeline/golden_objects-impl.hpp>
#include <regulus/pipeline/golden_points-impl.hpp>
#include <regulus/pipeline/panoptic-impl.hpp>
#include <regulus/pipeline/panoptic_detector-impl.hpp>
#include <regulus/pipeline/proposal_file-impl.hpp>
#include <regulus/pipeline/proposals-impl.hpp>
#include <regulus/pipeline/semantic_labels-impl.hpp>
