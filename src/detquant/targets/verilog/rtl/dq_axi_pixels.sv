// Puts an image from an AXI4-Stream into the memory of maps: codes of pixels from a table, at their folded places.
//
// A pixel is three bytes; the first one of an image has `tuser`, the last one of each line has `tlast`, as AXI4-Stream
// video has it. What comes before `tuser` is thrown away. A line that is too short or too long, or a `tuser` within the
// image, ends it with an error; the rest of it is thrown away when the next image is awaited.
//
// Pixel (y, x) goes to word (Y, X) = (y / fold, x / fold) of the groups in which its channels lie: channel c is in slot
// (y % fold * fold + x % fold) * 3 + c, slot s in lane s % ICP of group s / ICP. Lanes without a channel are not written.
//
// Three cycles a pixel; a word is written, with strobes, for each `fold` pixels of a line, or more where these lie in
// several groups. Width and height are multiples of `fold`.
module dq_axi_pixels #(
    parameter int ICP = 16,     // codes of a word
    parameter int ADDRESS = 20  // bits of an address of a word
) (
    input  logic               clk,
    input  logic               rst,
    input  logic               start,          // one cycle: take the next image
    output logic               busy,
    output logic               line_early,     // one cycle each, with the end of `busy`
    output logic               line_late,
    output logic               frame,
    output logic               moves,          // one cycle for each pixel
    // how the image lies
    input  logic [       15:0] width,
    input  logic [       15:0] height,
    input  logic [        3:0] fold,
    input  logic [ADDRESS-1:0] base,
    input  logic [ADDRESS-1:0] plane,
    input  logic [        5:0] order,          // of channels 0, 1, 2: their byte of tdata
    // codes of pixels, four in a word
    input  logic               entry_write,
    input  logic [        7:0] entry_address,
    input  logic [       31:0] entry_data,
    // stream
    input  logic [       23:0] tdata,
    input  logic               tuser,
    input  logic               tlast,
    input  logic               tvalid,
    output logic               tready,
    // memory of maps
    output logic               write_valid,
    input  logic               write_ready,
    output logic [ADDRESS-1:0] write_address,
    output logic [    ICP-1:0] write_strobe,
    output logic [  ICP*8-1:0] write_data
);
  localparam int LANE = $clog2(ICP);

  logic [31:0] entries[0:191];
  logic active, seeking;
  logic [1:0] channel;
  logic [3:0] px, py;      // within what is folded
  logic [15:0] x, y;
  logic [LANE-1:0] lane, row_lane;  // of the next code; of the first one of a line
  logic [ADDRESS-1:0] here, row_here, top;  // word of the next code; of a line's first; of the first of a folded line
  logic [ADDRESS-1:0] column;  // X
  logic [ICP*8-1:0] word, gathered;
  logic [ICP-1:0] strobe, strobes;

  // Codes of the pixel that is at the stream, one after the other.
  logic [7:0] pixel, code;
  logic [31:0] entry;
  assign pixel = tdata[8*order[2*channel+:2]+:8];
  assign entry = entries[{channel, pixel[7:2]}];
  assign code = entry[8*pixel[1:0]+:8];

  logic step, pixel_end, x_last, y_last, px_last, py_last, full, complete, wrong;
  logic first;
  assign first = x == '0 && y == '0;
  assign step = active && !seeking && tvalid && (!write_valid || write_ready);
  assign pixel_end = channel == 2'd2;
  assign x_last = x + 16'd1 == width;
  assign y_last = y + 16'd1 == height;
  assign px_last = px + 4'd1 == fold;
  assign py_last = py + 4'd1 == fold;
  assign full = 32'(lane) == ICP - 1;
  assign complete = full || (pixel_end && (px_last || x_last));
  assign tready = active && (seeking ? !tuser : step && pixel_end);
  assign moves = tvalid && tready;
  assign wrong = step && pixel_end && (tlast != x_last || (tuser && !first));
  assign busy = active || write_valid;

  always_comb begin
    word   = gathered;
    strobe = strobes;
    for (int k = 0; k < ICP; k++) begin
      if (32'(lane) == k) begin
        word[8*k+:8] = code;
        strobe[k] = 1'b1;
      end
    end
  end

  // Where the slot behind this one lies.
  logic [LANE-1:0] next_lane;
  logic [ADDRESS-1:0] next_here, next_top;
  assign next_lane = full ? '0 : lane + 1'b1;
  assign next_here = full ? here + plane : here;
  assign next_top = top + column + 1'b1;

  always_ff @(posedge clk) begin
    if (entry_write) entries[entry_address] <= entry_data;
    {line_early, line_late, frame} <= '0;
    if (write_valid && write_ready) write_valid <= 1'b0;
    if (active && seeking && tvalid && tuser) seeking <= 1'b0;
    if (step) begin
      channel  <= pixel_end ? '0 : channel + 1'b1;
      gathered <= word;
      strobes  <= complete ? '0 : strobe;
      lane     <= next_lane;
      here     <= next_here;
      if (complete) begin
        write_valid <= 1'b1;
        write_address <= here;
        write_strobe <= strobe;
        write_data <= word;
      end
      if (pixel_end) begin
        x  <= x + 1'b1;
        px <= px + 1'b1;
        if (px_last) begin
          px <= '0;
          column <= column + 1'b1;
          lane <= row_lane;
          here <= row_here + column + 1'b1;
        end
        if (x_last) begin
          x <= '0;
          px <= '0;
          column <= '0;
          y <= y + 1'b1;
          py <= py_last ? '0 : py + 1'b1;
          lane <= py_last ? '0 : next_lane;
          row_lane <= py_last ? '0 : next_lane;
          here <= py_last ? next_top : next_here - column;
          row_here <= py_last ? next_top : next_here - column;
          if (py_last) top <= next_top;
          if (y_last) active <= 1'b0;
        end
      end
    end
    if (wrong) begin
      active <= 1'b0;
      frame <= tuser && !first;
      line_early <= tlast && !x_last;
      line_late <= !tlast && x_last;
    end
    if (start) begin
      active   <= 1'b1;
      seeking  <= 1'b1;
      channel  <= '0;
      {x, y}   <= '0;
      {px, py} <= '0;
      column   <= '0;
      lane     <= '0;
      row_lane <= '0;
      here     <= base;
      row_here <= base;
      top      <= base;
      strobes  <= '0;
    end
    if (rst) begin
      active <= 1'b0;
      write_valid <= 1'b0;
    end
  end
endmodule
