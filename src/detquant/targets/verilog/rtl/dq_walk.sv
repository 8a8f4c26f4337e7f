// Walks over an instruction's sums of products and gives the address of each word that they read, one a cycle.
//
// From the outermost loop to the innermost: groups of output channels, rows, columns, segments of the input, groups of
// input channels in a segment, rows of the window, columns of the window. The result of one place and one group of
// output channels is thus complete before the next one begins, and the weights of a group of output channels (a tile)
// are used for all places before those of the next group are.
//
// A segment is a run of groups of input channels that lie behind one another in memory; a Concat is nothing but several
// segments. A segment may be enlarged: a place (y, x) of the input is (y >> shift, x >> shift) of the segment, which
// makes nearest enlargement, and with a shift of 15 a map of one place that is used for all.
//
// clamped: a place outside of the map is the nearest one inside, so that borders are repeated; else nothing is read there.
//
// diagonal: each group of outputs reads groups of inputs of its own (depthwise convolutions, pooling, sums), so the
// segments move on with the groups of outputs.
module dq_walk #(
    parameter int ICP = 16,
    parameter int OCP = 16,
    parameter int ADDRESS = 20,
    parameter int SEGMENTS = 8
) (
    input  logic                   clk,
    input  logic                   rst,
    input  logic                   go,
    // the descriptor
    input  logic                   conv,
    input  logic                   diagonal,
    input  logic                   clamped,
    input  logic [            7:0] segment_count,
    input  logic [           15:0] out_groups,
    input  logic [           15:0] out_height,
    input  logic [           15:0] out_width,
    input  logic [           15:0] height,
    input  logic [           15:0] width,
    input  logic [            7:0] kernel_height,
    input  logic [            7:0] kernel_width,
    input  logic [            7:0] stride_down,
    input  logic [            7:0] stride_right,
    input  logic [            7:0] dilation_down,
    input  logic [            7:0] dilation_right,
    input  logic [           15:0] pad_top,        // signed: below 0 where rows of the input are left out
    input  logic [           15:0] pad_left,
    input  logic [SEGMENTS*96-1:0] segments,
    // the steps
    output logic                   step_valid,
    input  logic                   step_ready,
    output logic [    ADDRESS-1:0] step_address,
    output logic                   step_pad,       // outside of the map: nothing is to be read
    output logic                   step_first,     // of a place
    output logic                   step_last,      // of a place
    output logic                   step_end        // of the last place of a group of output channels
);
  localparam int INDEX = SEGMENTS > 1 ? $clog2(SEGMENTS) : 1;
  // Groups of inputs that belong to one group of outputs of the array where the weights are diagonal, or the reverse.
  localparam int MANY = OCP >= ICP ? OCP / ICP : 1;
  localparam int RARE = ICP > OCP ? ICP / OCP : 1;
  // What is left of rows and columns where no address is as wide.
  localparam int PLACE = ADDRESS < 16 ? ADDRESS : 16;

  // What is left of the descriptor's segments; their bases move where the walk is diagonal.
  logic [ADDRESS-1:0] base[0:SEGMENTS-1];
  logic [ADDRESS-1:0] plane[0:SEGMENTS-1];
  logic [11:0] groups[0:SEGMENTS-1];
  logic [15:0] pitch[0:SEGMENTS-1];
  logic [3:0] shift[0:SEGMENTS-1];

  logic running;
  logic [15:0] og, oy, ox;
  logic [INDEX-1:0] segment;
  logic [11:0] group;
  logic [7:0] ky, kx;
  logic signed [17:0] y0, x0, iy, ix;
  logic [ADDRESS-1:0] here;  // base of the group of input channels
  logic [15:0] skipped;      // groups of outputs since the segments moved

  logic signed [17:0] top, left, down, right;
  assign top   = -$signed({{2{pad_top[15]}}, pad_top});
  assign left  = -$signed({{2{pad_left[15]}}, pad_left});
  assign down  = $signed({10'd0, stride_down});
  assign right = $signed({10'd0, stride_right});

  logic kx_last, ky_last, group_last, segment_last, ox_last, oy_last, og_last, moves;
  assign kx_last = kx + 8'd1 == kernel_width;
  assign ky_last = ky + 8'd1 == kernel_height;
  assign group_last = group + 12'd1 == groups[segment];
  assign segment_last = 8'(segment) + 8'd1 == segment_count;
  assign ox_last = ox + 16'd1 == out_width;
  assign oy_last = oy + 16'd1 == out_height;
  assign og_last = og + 16'd1 == out_groups;
  assign moves = diagonal && (!conv || skipped + 16'd1 == 16'(RARE));

  logic [ADDRESS-1:0] move_first;
  assign move_first = conv ? ADDRESS'(plane[0] * ADDRESS'(MANY)) : plane[0];

  logic enable;
  logic tap_last, place_last;
  assign tap_last = kx_last && ky_last && group_last && segment_last;
  assign place_last = tap_last && ox_last && oy_last;

  always_ff @(posedge clk) begin
    if (rst) begin
      running <= 1'b0;
    end else if (go) begin
      running <= 1'b1;
      {og, oy, ox} <= '0;
      {ky, kx} <= '0;
      segment <= '0;
      group <= '0;
      skipped <= '0;
      y0 <= top;
      iy <= top;
      x0 <= left;
      ix <= left;
      here <= segments[0+:ADDRESS];
      for (int s = 0; s < SEGMENTS; s++) begin
        base[s]   <= segments[96*s+:ADDRESS];
        plane[s]  <= segments[96*s+32+:ADDRESS];
        pitch[s]  <= segments[96*s+64+:16];
        groups[s] <= segments[96*s+80+:12];
        shift[s]  <= segments[96*s+92+:4];
      end
    end else if (running && enable) begin
      kx <= kx_last ? '0 : kx + 1'b1;
      ix <= kx_last ? x0 : ix + $signed({10'd0, dilation_right});
      if (kx_last) begin
        ky <= ky_last ? '0 : ky + 1'b1;
        iy <= ky_last ? y0 : iy + $signed({10'd0, dilation_down});
      end
      if (kx_last && ky_last) begin
        group <= group_last ? '0 : group + 1'b1;
        here  <= here + plane[segment];
        if (group_last) begin
          segment <= segment_last ? '0 : segment + 1'b1;
          here <= segment_last ? base[0] : base[segment+1'b1];
        end
      end
      if (tap_last) begin
        ox <= ox_last ? '0 : ox + 1'b1;
        x0 <= ox_last ? left : x0 + right;
        ix <= ox_last ? left : x0 + right;
        if (ox_last) begin
          oy <= oy_last ? '0 : oy + 1'b1;
          y0 <= oy_last ? top : y0 + down;
          iy <= oy_last ? top : y0 + down;
        end
      end
      if (place_last) begin
        og <= og + 1'b1;
        skipped <= moves ? '0 : skipped + 1'b1;
        if (og_last) running <= 1'b0;
        if (moves) begin
          here <= base[0] + move_first;
          for (int s = 0; s < SEGMENTS; s++) begin
            base[s] <= base[s] + (conv ? ADDRESS'(plane[s] * ADDRESS'(MANY)) : plane[s]);
          end
        end
      end
    end
  end

  // Three registers from the counters to the address, so that the product has a cycle of its own. They stand still
  // together while the step at their end is not taken.
  logic above, below, left_of, right_of, outside;
  logic [15:0] y, x;
  assign above = iy < 0;
  assign below = iy >= $signed({2'b00, height});
  assign left_of = ix < 0;
  assign right_of = ix >= $signed({2'b00, width});
  assign outside = (above || below || left_of || right_of) && !clamped;
  assign y = above ? 16'd0 : below ? height - 16'd1 : iy[15:0];
  assign x = left_of ? 16'd0 : right_of ? width - 16'd1 : ix[15:0];
  logic first;
  assign first = kx == '0 && ky == '0 && group == '0 && segment == '0;

  logic valid1, valid2;
  logic [3:0] flags1, flags2, flags3;
  logic [PLACE-1:0] row1, column1, pitch1, column2;
  logic [ADDRESS-1:0] product2;
  logic [ADDRESS-1:0] here1, here2;

  assign enable = !step_valid || step_ready;
  assign {step_pad, step_first, step_last, step_end} = flags3;

  always_ff @(posedge clk) begin
    if (rst) begin
      {valid1, valid2, step_valid} <= '0;
    end else if (enable) begin
      valid1 <= running && !go;
      valid2 <= valid1;
      step_valid <= valid2;
    end
    if (enable) begin
      flags1 <= {outside, first, tap_last, place_last};
      row1 <= PLACE'(y >> shift[segment]);
      column1 <= PLACE'(x >> shift[segment]);
      pitch1 <= PLACE'(pitch[segment]);
      here1 <= here;
      flags2 <= flags1;
      product2 <= ADDRESS'(row1) * ADDRESS'(pitch1);
      column2 <= column1;
      here2 <= here1;
      flags3 <= flags2;
      step_address <= here2 + product2 + ADDRESS'(column2);
    end
  end
endmodule
