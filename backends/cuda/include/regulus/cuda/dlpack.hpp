#pragma once
// DLPack, the exchange of tensors between programs in one process: its C structures of version 1 as they lie in memory, with and without a version. PyTorch,
// CuPy and JAX put a pointer to one of the two managed structures into a Python capsule ("dltensor", "dltensor_versioned").
#include <cstddef>
#include <cstdint>

namespace regulus::dlpack {

enum DeviceType : std::int32_t { cpu = 1, cuda = 2, cuda_host = 3, cuda_managed = 13 };
enum TypeCode : std::uint8_t { signed_integer = 0, unsigned_integer = 1, floating = 2, bfloat = 4, boolean = 6 };

struct Device {
    std::int32_t type;  // DeviceType
    std::int32_t id;
};

struct DataType {
    std::uint8_t code;  // TypeCode
    std::uint8_t bits;
    std::uint16_t lanes;
};

/// Strides in elements; without strides the elements lie without gaps, last axis first.
struct Tensor {
    void* data;
    Device device;
    std::int32_t ndim;
    DataType dtype;
    std::int64_t* shape;
    std::int64_t* strides;
    std::uint64_t byte_offset;
};

/// Whoever takes it calls `deleter` once when it is done with the data.
struct ManagedTensor {
    Tensor tensor;
    void* manager;
    void (*deleter)(ManagedTensor* self);
};

struct Version {
    std::uint32_t major, minor;
};

inline constexpr std::uint64_t flag_read_only = 1;

/// Nothing but version, manager and deleter may be looked at when version.major is not 1.
struct ManagedTensorVersioned {
    Version version;
    void* manager;
    void (*deleter)(ManagedTensorVersioned* self);
    std::uint64_t flags;
    Tensor tensor;
};

static_assert(sizeof(void*) != 8 || (sizeof(Tensor) == 48 && sizeof(ManagedTensor) == 64 && sizeof(ManagedTensorVersioned) == 80 && offsetof(Tensor, shape) == 24 && offsetof(ManagedTensorVersioned, tensor) == 32));

}  // namespace regulus::dlpack
