#pragma once
// Everything that teaching a network needs, but for a learning backend: include <regulus/cpu/learning.hpp> or <regulus/reference/learning.hpp> beside it. Pictures for
// training are made by data/classify_augment.hpp and data/detect_augment.hpp, clouds by data/cloud_augment.hpp.

#include <regulus/data/classify_augment.hpp>
#include <regulus/data/cloud_augment.hpp>
#include <regulus/data/detect_augment.hpp>
#include <regulus/data/flip.hpp>

#include <regulus/train/anchor3d_loss.hpp>
#include <regulus/train/anchor3d_targets.hpp>
#include <regulus/train/assign.hpp>
#include <regulus/train/box_head_loss.hpp>
#include <regulus/train/classifier_recipe.hpp>
#include <regulus/train/cloud_truths.hpp>
#include <regulus/train/coco_truths.hpp>
#include <regulus/train/dense_loss.hpp>
#include <regulus/train/dense_training.hpp>
#include <regulus/train/detect_order.hpp>
#include <regulus/train/detector3d_recipe.hpp>
#include <regulus/train/detector3d_teacher.hpp>
#include <regulus/train/detector_recipe.hpp>
#include <regulus/train/detector_teacher.hpp>
#include <regulus/train/epoch_order.hpp>
#include <regulus/train/initialise.hpp>
#include <regulus/train/keypoint_loss.hpp>
#include <regulus/train/learner.hpp>
#include <regulus/train/learning_backend.hpp>
#include <regulus/train/losses.hpp>
#include <regulus/train/mask_loss.hpp>
#include <regulus/train/object_sampling.hpp>
#include <regulus/train/optimiser.hpp>
#include <regulus/train/parameter.hpp>
#include <regulus/train/precise_norms.hpp>
#include <regulus/train/sampling.hpp>
#include <regulus/train/schedule.hpp>
#include <regulus/train/semantic_loss.hpp>
#include <regulus/train/snapshot.hpp>
#include <regulus/train/step_losses.hpp>
#include <regulus/train/two_stage.hpp>
