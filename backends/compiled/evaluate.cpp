// The definitions of include/regulus/evaluate/.
#include <regulus/evaluate/cityscapes_evaluation-impl.hpp>
#include <regulus/evaluate/cityscapes_results-impl.hpp>
#include <regulus/evaluate/coco_accumulation-impl.hpp>
#include <regulus/evaluate/coco_dataset-impl.hpp>
#include <regulus/evaluate/coco_evaluation-impl.hpp>
#include <regulus/evaluate/coco_panoptic-impl.hpp>
#include <regulus/evaluate/coco_results-impl.hpp>
#include <regulus/evaluate/coco_table-impl.hpp>
#include <regulus/evaluate/lvis_dataset-impl.hpp>
#include <regulus/evaluate/lvis_evaluation-impl.hpp>
#include <regulus/evaluate/panoptic_quality-impl.hpp>
#include <regulus/evaluate/proposal_recall-impl.hpp>
#include <regulus/evaluate/voc_dataset-impl.hpp>
#include <regulus/evaluate/voc_evaluation-impl.hpp>
