// The definitions of include/regulus/evaluate/ that judge oriented boxes.
#include <regulus/evaluate/global_box-impl.hpp>
#include <regulus/evaluate/kitti_evaluation-impl.hpp>
#include <regulus/evaluate/kitti_objects-impl.hpp>
#include <regulus/evaluate/kitti_table-impl.hpp>
#include <regulus/evaluate/lyft_evaluation-impl.hpp>
#include <regulus/evaluate/lyft_results-impl.hpp>
#include <regulus/evaluate/lyft_table-impl.hpp>
#include <regulus/evaluate/nuscenes_convert-impl.hpp>
#include <regulus/evaluate/nuscenes_evaluation-impl.hpp>
#include <regulus/evaluate/nuscenes_results-impl.hpp>
#include <regulus/evaluate/nuscenes_table-impl.hpp>
