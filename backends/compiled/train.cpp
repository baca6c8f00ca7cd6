// The definitions of include/regulus/train/.
#include <regulus/train/anchor3d_loss-impl.hpp>
#include <regulus/train/anchor3d_targets-impl.hpp>
#include <regulus/train/assign-impl.hpp>
#include <regulus/train/box_head_loss-impl.hpp>
#include <regulus/train/cloud_truths-impl.hpp>
#include <regulus/train/coco_truths-impl.hpp>
#include <regulus/train/dense_loss-impl.hpp>
#include <regulus/train/detector3d_teacher-impl.hpp>
#include <regulus/train/detector_teacher-impl.hpp>
#include <regulus/train/keypoint_loss-impl.hpp>
#include <regulus/train/learner-impl.hpp>
#include <regulus/train/losses-impl.hpp>
#include <regulus/train/mask_loss-impl.hpp>
#include <regulus/train/object_sampling-impl.hpp>
#include <regulus/train/sampling-impl.hpp>
#include <regulus/train/semantic_loss-impl.hpp>
#include <regulus/train/two_stage-impl.hpp>
