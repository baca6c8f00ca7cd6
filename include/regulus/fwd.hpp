#pragma once
// Declarations only: for headers that pass Regulus's types on by reference or pointer.
#include <cstdint>

namespace regulus {

// core/
enum class DType : std::uint8_t;
class Shape;
class Tensor;
class Error;
class ShapeError;
class WeightError;
class FileError;
class BackendError;
class ArgumentError;

// graph/
struct Graph;
class Scope;
template <int Channels, int Stride> struct Feature;
template <int Channels, int Size, int Max> struct RoiFeature;
template <int Size, int Max> struct Vector;
template <int Channels> struct ImageInput;
template <int Max> struct Rois;
struct Candidates;
template <int Dims> struct Points;
template <int Max, int PointsPerPillar, int Dims> struct Pillars;
template <int Channels, int Max> struct PillarFeatures;
struct Candidates3d;
struct InputSize;
struct Cost;
struct CompileOptions;
struct MemoryReport;
struct Profile;
struct Step;
class Plan;
class Executable;
class Backend;
class Outputs;
class Context;
class Program;

// models/
struct RegNetParameters;
struct RegNetStages;
struct ResNetStages;
struct RcnnSizes;
struct RcnnSettings;
struct CascadeSettings;
struct RetinaSizes;
struct RetinaSettings;
struct PillarGrid;
struct AnchorSet3d;
struct PointPillarsSettings;
template <const RegNetStages& Net> struct RegNet;
template <const ResNetStages& Net> struct ResNet;

// weights/
class Weights;
class CheckpointFile;

// data/
struct PictureSize;
struct Image;
struct BitMask;
struct Rle;
struct Preprocessing;
struct ClassifyPreprocessing;
struct PointCloud;
struct Box3d;
struct Pose;
struct LidarFrame;

// pipeline/
struct Detection;
class AnyDetector;
template <class Model> class Detector;
struct Classification;
class AnyClassifier;
template <class Model> class ImageClassifier;
struct Detection3d;
class AnyDetector3d;
template <class Model> class Detector3d;

// zoo/
struct ModelFacts;
struct ModelSpec;
struct ClassifierFacts;
struct ClassifierSpec;
struct PointDetectorFacts;
struct PointDetectorSpec;

// backends/
class CpuBackend;
class ReferenceBackend;

}  // namespace regulus
