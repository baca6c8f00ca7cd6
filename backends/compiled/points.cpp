// The definitions of include/regulus/data/ that serve point clouds.
#include <regulus/data/ground_plane-impl.hpp>
#include <regulus/data/kitti_calibration-impl.hpp>
#include <regulus/data/lzf-impl.hpp>
#include <regulus/data/nuscenes_tables-impl.hpp>
#include <regulus/data/pcd-impl.hpp>
#include <regulus/data/ply-impl.hpp>
#include <regulus/data/point_cloud_file-impl.hpp>
#include <regulus/data/pose-impl.hpp>
#include <regulus/data/sweeps-impl.hpp>
