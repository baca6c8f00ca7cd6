#pragma once
// Every own kernel with the name that it has in the embedded image. Adding one means: the struct, its line here, its test.
#include <regulus/cuda/kernels/boxes3d.hpp>
#include <regulus/cuda/kernels/convolution.hpp>
#include <regulus/cuda/kernels/group_norm.hpp>
#include <regulus/cuda/kernels/nms.hpp>
#include <regulus/cuda/kernels/pictures.hpp>
#include <regulus/cuda/kernels/pillars.hpp>

#define REGULUS_CUDA_MAP_KERNELS_OF(X, T, S)           \
    X(FromPlanes<T>, from_planes_##S)                  \
    X(ToPlanes<T>, to_planes_##S)                      \
    X(Activating<T>, activate_##S)                     \
    X(Adding<T>, add_##S)                              \
    X(Averaging<T>, average_##S)                       \
    X(Placing<T>, place_##S)                           \
    X(ScaleShift<T>, scale_shift_##S)                  \
    X(Pooling<T>, pool_##S)                            \
    X(GlobalAverage<T>, global_average_##S)            \
    X(GroupChunks<T>, group_chunks_##S)                \
    X(NormalisingGroups<T>, normalise_groups_##S)      \
    X(ScalingChannels<T>, scale_channels_##S)          \
    X(Resizing<T>, resize_##S)                         \
    X(DirectConvolution<T>, direct_convolution_##S)    \
    X(DeformPatches<T>, deform_patches_##S)            \
    X(DepthToSpace<T>, depth_to_space_##S)             \
    X(TransposedConvolution<T>, transposed_convolution_##S)

#define REGULUS_CUDA_MAP_KERNELS(X)               \
    REGULUS_CUDA_MAP_KERNELS_OF(X, float, f32)    \
    REGULUS_CUDA_MAP_KERNELS_OF(X, Half, f16)     \
    REGULUS_CUDA_MAP_KERNELS_OF(X, BFloat16, bf16) \
    X(SoftmaxRows, softmax)                       \
    X(GroupScales, group_scales)

#define REGULUS_CUDA_DETECTION_KERNELS(X)            \
    X(ScoreKeys, score_keys)                         \
    X(SelectTop, select_top)                         \
    X(OrderKeys, order_keys)                         \
    X(WriteTop, write_top)                           \
    X(ExpandAnchors, expand_anchors)                 \
    X(DecodingAnchors, decode_anchors)               \
    X(FindingCandidates, find_candidates)            \
    X(RefiningBoxes, refine_boxes)                   \
    X(ScalingBoxes, scale_boxes)                     \
    X(SelectingChannel, select_channel)              \
    X(PoolingRegions<float>, roi_align_f32)          \
    X(PoolingRegions<Half>, roi_align_f16)           \
    X(PoolingRegions<BFloat16>, roi_align_bf16)      \
    X(CandidateKeys, candidate_keys)                 \
    X(OrderCandidates, order_candidates)             \
    X(GreedyNms, greedy_nms)                         \
    X(PackRows, pack_rows)

#define REGULUS_CUDA_PILLAR_KERNELS(X)               \
    X(FindCells, find_cells)                         \
    X(NumberVoxels, number_voxels)                   \
    X(CountPoints, count_points)                     \
    X(PlaceVoxels, place_voxels)                     \
    X(GatherPoints, gather_points)                   \
    X(StorePoints, store_points)                     \
    X(FindEveryCell, find_every_cell)                \
    X(EncodingPillars<float>, encode_pillars_f32)    \
    X(EncodingPillars<Half>, encode_pillars_f16)     \
    X(EncodingPillars<BFloat16>, encode_pillars_bf16) \
    X(ClaimCells, claim_cells)                       \
    X(ScatteringPillars<float>, scatter_pillars_f32) \
    X(ScatteringPillars<Half>, scatter_pillars_f16)  \
    X(ScatteringPillars<BFloat16>, scatter_pillars_bf16) \
    X(DecodingBoxes3d, decode_boxes3d)               \
    X(OrderByLabel, order_by_label)                  \
    X(GreedyRotatedNms, greedy_rotated_nms)          \
    X(WriteOriented, write_oriented)                 \
    X(GreedyCircleNms, greedy_circle_nms)

#define REGULUS_CUDA_PICTURE_KERNELS(X)                      \
    X(ResizingOpencv, resize_opencv)                         \
    X(ResizingPillow, resize_pillow)                         \
    X(NormalisingPicture<float>, normalise_picture_f32)      \
    X(NormalisingPicture<Half>, normalise_picture_f16)       \
    X(NormalisingPicture<BFloat16>, normalise_picture_bf16)  \
    X(SamplingPicture<float>, sample_picture_f32)            \
    X(SamplingPicture<Half>, sample_picture_f16)             \
    X(SamplingPicture<BFloat16>, sample_picture_bf16)        \
    X(LabellingPixels, label_pixels)                         \
    X(PastingMasks, paste_masks)

#define REGULUS_CUDA_KERNELS(X) REGULUS_CUDA_MAP_KERNELS(X) REGULUS_CUDA_DETECTION_KERNELS(X) REGULUS_CUDA_PICTURE_KERNELS(X) REGULUS_CUDA_PILLAR_KERNELS(X)

namespace regulus::cuda {

/// The name of a kernel in the image.
template <class K>
inline constexpr const char* kernel_name = nullptr;
#define REGULUS_CUDA_NAME(K, name) \
    template <>                    \
    inline constexpr const char* kernel_name<K> = "regulus_" #name;
REGULUS_CUDA_KERNELS(REGULUS_CUDA_NAME)
#undef REGULUS_CUDA_NAME

}  // namespace regulus::cuda
