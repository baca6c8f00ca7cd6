// The definitions of converters/.
#include <regulus/converters/convert-impl.hpp>
#include <regulus/converters/mmdetection3d-impl.hpp>
#include <regulus/converters/name_table-impl.hpp>
#include <regulus/converters/regnet2mmdet-impl.hpp>
#include <regulus/converters/seeded_weights-impl.hpp>
#include <regulus/converters/value_rule-impl.hpp>
