// Our tables of NVIDIA's functions and constants against the headers themselves: a type or a number that differs does not compile. Never linked, never run.
#include <type_traits>

#include <cuda.h>
#include <cudnn.h>

#include <regulus/cuda/libraries.hpp>

namespace {

using namespace regulus::cuda;
namespace c = regulus::cuda::constants;

/// The same function with handles as void*, enumerations as int and device pointers as they are.
template <class T>
struct Plain { using type = T; };
template <class T> requires std::is_enum_v<T>
struct Plain<T> { using type = int; };
template <class T> requires std::is_class_v<T>
struct Plain<T*> { using type = void*; };
template <class T> requires std::is_class_v<T>
struct Plain<T**> { using type = void**; };
template <class F>
struct PlainFunction;
template <class R, class... A>
struct PlainFunction<R (*)(A...)> { using type = typename Plain<R>::type (*)(typename Plain<A>::type...); };

template <class Real, class Ours>
constexpr bool same = std::is_same_v<typename PlainFunction<Real>::type, Ours>;

#define REGULUS_CHECK(member, symbol, ...) static_assert(same<decltype(&symbol), std::type_identity_t<__VA_ARGS__>>, #symbol);
REGULUS_CUDA_DRIVER_FUNCTIONS(REGULUS_CHECK)
REGULUS_CUDNN_FUNCTIONS(REGULUS_CHECK)

static_assert(std::is_same_v<CUdeviceptr, DevicePointer>);
static_assert(c::no_device == CUDA_ERROR_NO_DEVICE && c::out_of_memory == CUDA_ERROR_OUT_OF_MEMORY && c::success == CUDA_SUCCESS && c::success == CUDNN_STATUS_SUCCESS);
static_assert(c::attribute_capability_major == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR && c::attribute_capability_minor == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
static_assert(c::attribute_multiprocessors == CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT && c::stream_non_blocking == CU_STREAM_NON_BLOCKING);
static_assert(c::attribute_shared_bytes == CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN && c::function_shared_bytes == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
static_assert(c::capture_thread_local == CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);

#define REGULUS_SAME(ours, theirs) static_assert(int(c::ours) == int(theirs), #theirs);
REGULUS_SAME(pointwise, CUDNN_BACKEND_POINTWISE_DESCRIPTOR)
REGULUS_SAME(convolution, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR)
REGULUS_SAME(engine, CUDNN_BACKEND_ENGINE_DESCRIPTOR)
REGULUS_SAME(engine_config, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR)
REGULUS_SAME(engine_heuristics, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR)
REGULUS_SAME(execution_plan, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR)
REGULUS_SAME(convolution_forward, CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR)
REGULUS_SAME(pointwise_operation, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR)
REGULUS_SAME(operation_graph, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR)
REGULUS_SAME(variant_pack, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR)
REGULUS_SAME(tensor, CUDNN_BACKEND_TENSOR_DESCRIPTOR)
REGULUS_SAME(type_handle, CUDNN_TYPE_HANDLE)
REGULUS_SAME(type_data_type, CUDNN_TYPE_DATA_TYPE)
REGULUS_SAME(type_boolean, CUDNN_TYPE_BOOLEAN)
REGULUS_SAME(type_int64, CUDNN_TYPE_INT64)
REGULUS_SAME(type_float, CUDNN_TYPE_FLOAT)
REGULUS_SAME(type_void_pointer, CUDNN_TYPE_VOID_PTR)
REGULUS_SAME(type_convolution_mode, CUDNN_TYPE_CONVOLUTION_MODE)
REGULUS_SAME(type_heuristics_mode, CUDNN_TYPE_HEUR_MODE)
REGULUS_SAME(type_numerical_note, CUDNN_TYPE_NUMERICAL_NOTE)
REGULUS_SAME(type_pointwise_mode, CUDNN_TYPE_POINTWISE_MODE)
REGULUS_SAME(type_descriptor, CUDNN_TYPE_BACKEND_DESCRIPTOR)
REGULUS_SAME(pointwise_mode, CUDNN_ATTR_POINTWISE_MODE)
REGULUS_SAME(pointwise_math, CUDNN_ATTR_POINTWISE_MATH_PREC)
REGULUS_SAME(convolution_type, CUDNN_ATTR_CONVOLUTION_COMP_TYPE)
REGULUS_SAME(convolution_mode, CUDNN_ATTR_CONVOLUTION_CONV_MODE)
REGULUS_SAME(convolution_dilations, CUDNN_ATTR_CONVOLUTION_DILATIONS)
REGULUS_SAME(convolution_strides, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES)
REGULUS_SAME(convolution_post_paddings, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS)
REGULUS_SAME(convolution_pre_paddings, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS)
REGULUS_SAME(convolution_axes, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS)
REGULUS_SAME(heuristics_mode, CUDNN_ATTR_ENGINEHEUR_MODE)
REGULUS_SAME(heuristics_graph, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH)
REGULUS_SAME(heuristics_results, CUDNN_ATTR_ENGINEHEUR_RESULTS)
REGULUS_SAME(config_engine, CUDNN_ATTR_ENGINECFG_ENGINE)
REGULUS_SAME(plan_config, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG)
REGULUS_SAME(plan_workspace, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE)
REGULUS_SAME(forward_alpha, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA)
REGULUS_SAME(forward_beta, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA)
REGULUS_SAME(forward_convolution, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC)
REGULUS_SAME(forward_weight, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W)
REGULUS_SAME(forward_src, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X)
REGULUS_SAME(forward_dst, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y)
REGULUS_SAME(operation_pointwise, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR)
REGULUS_SAME(operation_src, CUDNN_ATTR_OPERATION_POINTWISE_XDESC)
REGULUS_SAME(operation_other, CUDNN_ATTR_OPERATION_POINTWISE_BDESC)
REGULUS_SAME(operation_dst, CUDNN_ATTR_OPERATION_POINTWISE_YDESC)
REGULUS_SAME(graph_operations, CUDNN_ATTR_OPERATIONGRAPH_OPS)
REGULUS_SAME(tensor_alignment, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT)
REGULUS_SAME(tensor_type, CUDNN_ATTR_TENSOR_DATA_TYPE)
REGULUS_SAME(tensor_sizes, CUDNN_ATTR_TENSOR_DIMENSIONS)
REGULUS_SAME(tensor_steps, CUDNN_ATTR_TENSOR_STRIDES)
REGULUS_SAME(tensor_id, CUDNN_ATTR_TENSOR_UNIQUE_ID)
REGULUS_SAME(tensor_virtual, CUDNN_ATTR_TENSOR_IS_VIRTUAL)
REGULUS_SAME(pack_ids, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS)
REGULUS_SAME(pack_pointers, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS)
REGULUS_SAME(pack_workspace, CUDNN_ATTR_VARIANT_PACK_WORKSPACE)
REGULUS_SAME(engine_index, CUDNN_ATTR_ENGINE_GLOBAL_INDEX)
REGULUS_SAME(engine_notes, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE)
REGULUS_SAME(data_float, CUDNN_DATA_FLOAT)
REGULUS_SAME(data_half, CUDNN_DATA_HALF)
REGULUS_SAME(data_bfloat16, CUDNN_DATA_BFLOAT16)
REGULUS_SAME(cross_correlation, CUDNN_CROSS_CORRELATION)
REGULUS_SAME(mode_add, CUDNN_POINTWISE_ADD)
REGULUS_SAME(mode_relu, CUDNN_POINTWISE_RELU_FWD)
REGULUS_SAME(mode_sigmoid, CUDNN_POINTWISE_SIGMOID_FWD)
REGULUS_SAME(heuristics_instant, CUDNN_HEUR_MODE_INSTANT)
REGULUS_SAME(heuristics_fallback, CUDNN_HEUR_MODE_FALLBACK)
REGULUS_SAME(note_tensor_core, CUDNN_NUMERICAL_NOTE_TENSOR_CORE)
REGULUS_SAME(note_down_convert, CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS)
REGULUS_SAME(note_reduced_reduction, CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION)
REGULUS_SAME(note_fft, CUDNN_NUMERICAL_NOTE_FFT)
REGULUS_SAME(note_nondeterministic, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC)
REGULUS_SAME(note_winograd, CUDNN_NUMERICAL_NOTE_WINOGRAD)
REGULUS_SAME(note_winograd_4x4, CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4)
REGULUS_SAME(note_winograd_6x6, CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6)
REGULUS_SAME(note_winograd_13x13, CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13)
static_assert(int(c::note_count) >= int(CUDNN_NUMERICAL_NOTE_TYPE_COUNT));
// Deprecated names, which may not be written with warnings as errors: CUDNN_ATTR_EXECUTION_PLAN_HANDLE is 400, CUDNN_ATTR_OPERATIONGRAPH_HANDLE is 800.
static_assert(c::plan_handle == 400 && c::graph_handle == 800);

}  // namespace
