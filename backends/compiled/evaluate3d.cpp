// The definitions of include/regulus/evaluate/ that judge oriented boxes.
#include <regulus/evaluate/nuscenes_evaluation-impl.hpp>
#include <regulus/evaluate/nuscenes_results-impl.hpp>
