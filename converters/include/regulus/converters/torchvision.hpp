#pragma once
// Names of torchvision's classifiers.
#include <regulus/converters/name_table.hpp>

namespace regulus {

/// RegNetX and RegNetY. A block's name repeats its stage, and counts from 0.
inline NameTable torchvision_regnet_names() {
    return {"torchvision", "RegNet", {
        {"stem.0.weight", "backbone.stem.weight"},
        {"stem.1.*", "backbone.stem.norm.*"},
        {"trunk_output.block{s}.block{s}-{b}.f.a.0.weight", "backbone.s{s}.b{b+1}.a.weight"},
        {"trunk_output.block{s}.block{s}-{b}.f.a.1.*", "backbone.s{s}.b{b+1}.a.norm.*"},
        {"trunk_output.block{s}.block{s}-{b}.f.b.0.weight", "backbone.s{s}.b{b+1}.b.weight"},
        {"trunk_output.block{s}.block{s}-{b}.f.b.1.*", "backbone.s{s}.b{b+1}.b.norm.*"},
        {"trunk_output.block{s}.block{s}-{b}.f.se.fc1.*", "backbone.s{s}.b{b+1}.se.reduce.*"},
        {"trunk_output.block{s}.block{s}-{b}.f.se.fc2.*", "backbone.s{s}.b{b+1}.se.expand.*"},
        {"trunk_output.block{s}.block{s}-{b}.f.c.0.weight", "backbone.s{s}.b{b+1}.c.weight"},
        {"trunk_output.block{s}.block{s}-{b}.f.c.1.*", "backbone.s{s}.b{b+1}.c.norm.*"},
        {"trunk_output.block{s}.block{s}-{b}.proj.0.weight", "backbone.s{s}.b{b+1}.proj.weight"},
        {"trunk_output.block{s}.block{s}-{b}.proj.1.*", "backbone.s{s}.b{b+1}.proj.norm.*"},
        {"fc.*", "classifier.*"},
    }};
}

/// ResNet and ResNeXt. Files of regnet2mmdet hold a RegNet under these names too.
inline NameTable torchvision_resnet_names() {
    return {"torchvision", "ResNet", {
        {"conv1.weight", "backbone.stem.weight"},
        {"bn1.*", "backbone.stem.norm.*"},
        {"layer{s}.{b}.conv1.weight", "backbone.s{s}.b{b+1}.a.weight"},
        {"layer{s}.{b}.bn1.*", "backbone.s{s}.b{b+1}.a.norm.*"},
        {"layer{s}.{b}.conv2.weight", "backbone.s{s}.b{b+1}.b.weight"},
        {"layer{s}.{b}.bn2.*", "backbone.s{s}.b{b+1}.b.norm.*"},
        {"layer{s}.{b}.conv3.weight", "backbone.s{s}.b{b+1}.c.weight"},
        {"layer{s}.{b}.bn3.*", "backbone.s{s}.b{b+1}.c.norm.*"},
        {"layer{s}.{b}.downsample.0.weight", "backbone.s{s}.b{b+1}.proj.weight"},
        {"layer{s}.{b}.downsample.1.*", "backbone.s{s}.b{b+1}.proj.norm.*"},
        {"fc.*", "classifier.*"},
    }, "backbone.stem.pool"};
}

/// timm's ResNets have torchvision's names.
inline NameTable timm_resnet_names() {
    NameTable table = torchvision_resnet_names();
    table.code_base = "timm";
    return table;
}

}  // namespace regulus
