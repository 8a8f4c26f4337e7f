// Corners of a box in Q12.4, from distances in cells of 8 fraction bits: a box a cycle, two cycles later.
//
//   x1 = sat16(((256 column + 128 - left) stride + 8) >> 4), and so on, as `detquant.integer.head.corners` says.
//
// Strides are powers of two, 1 to 128, so the product is a shift.
module dq_head_corners #(
    parameter int PLACE = 11,    // width of columns and rows
    parameter int DISTANCE = 12  // of distances
) (
    input  logic                  clk,
    input  logic                  rst,
    input  logic                  sides_valid,
    output logic                  sides_ready,
    input  logic [4*DISTANCE-1:0] sides,       // left in the lowest bits, then top, right, bottom
    input  logic [     PLACE-1:0] column,
    input  logic [     PLACE-1:0] row,
    input  logic [           2:0] log_stride,
    output logic                  box_valid,
    input  logic                  box_ready,
    output logic [          63:0] box          // x1 in the lowest bits, then y1, x2, y2, two's complement
);
  localparam int MIDDLE = PLACE + 8;
  localparam int ENDS = (MIDDLE > DISTANCE ? MIDDLE : DISTANCE) + 2;  // with sign
  localparam int PIXELS = ENDS + 8;                                   // times stride, plus half
  localparam logic signed [PIXELS-1:0] LOW = -(PIXELS'(1) << 15), HIGH = (PIXELS'(1) << 15) - 1;

  logic moves, ends_valid;
  logic [2:0] log_stride1;

  assign moves = !box_valid || box_ready;
  assign sides_ready = moves;

  always_ff @(posedge clk) begin
    if (rst) {box_valid, ends_valid} <= '0;
    else if (moves) {box_valid, ends_valid} <= {ends_valid, sides_valid};
    if (moves) log_stride1 <= log_stride;
  end

  genvar side;
  generate
    for (side = 0; side < 4; side = side + 1) begin : corners
      logic [ENDS-1:0] middle, away;
      logic signed [ENDS-1:0] end1;
      logic signed [PIXELS-1:0] wide, scaled, rounded;

      assign middle = ENDS'({side % 2 == 0 ? column : row, 8'h80});
      assign away = ENDS'(sides[DISTANCE*side+:DISTANCE]);
      assign wide = PIXELS'(end1);
      assign scaled = wide <<< log_stride1;
      assign rounded = (scaled + PIXELS'(8)) >>> 4;
      always_ff @(posedge clk) begin
        if (moves) begin
          end1 <= side < 2 ? middle - away : middle + away;
          if (rounded < LOW) box[16*side+:16] <= 16'h8000;
          else if (rounded > HIGH) box[16*side+:16] <= 16'h7fff;
          else box[16*side+:16] <= rounded[15:0];
        end
      end
    end
  endgenerate
endmodule
