// The definitions of what a training recipe is made of: include/regulus/train/.
#include <regulus/train/classifier_recipe-impl.hpp>
#include <regulus/train/detector_recipe-impl.hpp>
#include <regulus/train/initialise-impl.hpp>
#include <regulus/train/optimiser-impl.hpp>
#include <regulus/train/snapshot-impl.hpp>
