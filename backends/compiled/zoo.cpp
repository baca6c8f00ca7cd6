// The definitions of include/regulus/zoo/.
#include <regulus/zoo/class_names-impl.hpp>
#include <regulus/zoo/classifier_facts-impl.hpp>
#include <regulus/zoo/lvis_classes-impl.hpp>
#include <regulus/zoo/model_spec-impl.hpp>
#include <regulus/zoo/zoo-impl.hpp>
