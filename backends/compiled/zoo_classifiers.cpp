// The definitions of zoo/classifiers.
#include <regulus/zoo/classifiers-impl.hpp>
#include <regulus/zoo/classifiers_mmpretrain-impl.hpp>
#include <regulus/zoo/classifiers_pycls-impl.hpp>
#include <regulus/zoo/classifiers_timm-impl.hpp>
#include <regulus/zoo/classifiers_timm_resnet-impl.hpp>
#include <regulus/zoo/classifiers_torchvision-impl.hpp>
