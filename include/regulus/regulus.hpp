#pragma once
// Everything that a program which describes and runs a network needs, but for a backend: include <regulus/cpu.hpp> or <regulus/reference.hpp> beside it.
// Not here: drawing (regulus/draw/, regulus/pipeline/draw.hpp), the segments of panoptic models (regulus/pipeline/panoptic_detector.hpp), test-time augmentation
// (regulus/pipeline/augmented.hpp), files of proposals (regulus/pipeline/proposal_file.hpp), training (regulus/train.hpp), evaluations, checkpoint surgery beyond
// reading and writing weights, names of other code bases (regulus/converters/).

#include <regulus/core/config.hpp>
#include <regulus/core/dtype.hpp>
#include <regulus/core/error.hpp>
#include <regulus/core/shape.hpp>
#include <regulus/core/tensor.hpp>

#include <regulus/graph/bind.hpp>
#include <regulus/graph/describe.hpp>
#include <regulus/graph/graph.hpp>
#include <regulus/graph/handles.hpp>
#include <regulus/graph/memory_plan.hpp>
#include <regulus/graph/operations.hpp>
#include <regulus/graph/passes.hpp>
#include <regulus/graph/program.hpp>
#include <regulus/graph/record.hpp>

#include <regulus/layers/add.hpp>
#include <regulus/layers/anchor3d_head.hpp>
#include <regulus/layers/anchors.hpp>
#include <regulus/layers/bottleneck.hpp>
#include <regulus/layers/box_head.hpp>
#include <regulus/layers/cascade.hpp>
#include <regulus/layers/conv2d.hpp>
#include <regulus/layers/conv_bn.hpp>
#include <regulus/layers/deform_conv.hpp>
#include <regulus/layers/deformable.hpp>
#include <regulus/layers/dense_candidates.hpp>
#include <regulus/layers/detections.hpp>
#include <regulus/layers/fpn.hpp>
#include <regulus/layers/keypoint_head.hpp>
#include <regulus/layers/levels.hpp>
#include <regulus/layers/linear.hpp>
#include <regulus/layers/mask_head.hpp>
#include <regulus/layers/pillars.hpp>
#include <regulus/layers/pool.hpp>
#include <regulus/layers/proposals.hpp>
#include <regulus/layers/resnet_block.hpp>
#include <regulus/layers/retina_head.hpp>
#include <regulus/layers/roi_extractor.hpp>
#include <regulus/layers/rpn_head.hpp>
#include <regulus/layers/semantic_head.hpp>
#include <regulus/layers/squeeze_excite.hpp>
#include <regulus/layers/stage.hpp>
#include <regulus/layers/stem.hpp>

#include <regulus/models/cascade_rcnn.hpp>
#include <regulus/models/classifier.hpp>
#include <regulus/models/fast_rcnn.hpp>
#include <regulus/models/faster_rcnn.hpp>
#include <regulus/models/keypoint_rcnn.hpp>
#include <regulus/models/mask_rcnn.hpp>
#include <regulus/models/mmdetection2.hpp>
#include <regulus/models/one_map_rcnn.hpp>
#include <regulus/models/panoptic_fpn.hpp>
#include <regulus/models/point_pillars.hpp>
#include <regulus/models/proposal_network.hpp>
#include <regulus/models/recorded.hpp>
#include <regulus/models/regnet.hpp>
#include <regulus/models/regnet_descriptors.hpp>
#include <regulus/models/resnet.hpp>
#include <regulus/models/retina_net.hpp>
#include <regulus/models/second.hpp>

#include <regulus/weights/checkpoint.hpp>
#include <regulus/weights/read_weights.hpp>
#include <regulus/weights/to_float32.hpp>
#include <regulus/weights/weights.hpp>
#include <regulus/weights/write_safetensors.hpp>
#include <regulus/weights/write_torch.hpp>

#include <regulus/data/box3d.hpp>
#include <regulus/data/image.hpp>
#include <regulus/data/image_file.hpp>
#include <regulus/data/keypoints.hpp>
#include <regulus/data/mask.hpp>
#include <regulus/data/point_cloud.hpp>
#include <regulus/data/point_cloud_file.hpp>
#include <regulus/data/preprocess.hpp>
#include <regulus/data/resize.hpp>
#include <regulus/data/rle.hpp>
#include <regulus/evaluate/coco_results.hpp>

#include <regulus/pipeline/any_detector.hpp>
#include <regulus/pipeline/classifier.hpp>
#include <regulus/pipeline/classifier_head.hpp>
#include <regulus/pipeline/detection.hpp>
#include <regulus/pipeline/detection3d.hpp>
#include <regulus/pipeline/detector.hpp>
#include <regulus/pipeline/detector3d.hpp>
#include <regulus/pipeline/proposals.hpp>

#include <regulus/zoo/class_names.hpp>
#include <regulus/zoo/classifier_facts.hpp>
#include <regulus/zoo/classifier_head.hpp>
#include <regulus/zoo/classifier_spec.hpp>
#include <regulus/zoo/model_spec.hpp>
#if defined(REGULUS_COMPILED)  // in the header-only form they would instantiate every published model
#include <regulus/zoo/classifiers.hpp>
#include <regulus/zoo/point_detectors.hpp>
#include <regulus/zoo/zoo.hpp>
#endif
