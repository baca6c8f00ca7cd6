#pragma once
// Oriented boxes that stand on the ground.

namespace regulus {

/// A box that is turned about the z axis only, in a frame whose z axis points up. Metres, radians, metres per second.
struct Box3d {
    float x = 0, y = 0;
    float z = 0;        ///< of the bottom
    float length = 0;   ///< along the heading: along x at yaw 0
    float width = 0;    ///< across it
    float height = 0;
    float yaw = 0;      ///< counter-clockwise seen from above, from +x
    float vx = 0, vy = 0;
};

}  // namespace regulus
