// Suppression: of boxes in order, best first, those stay that no better one of their class that stays covers.
//
//   b goes if 256 inter > threshold (area_a + area_b - inter), as `detquant.integer.head.suppression` says.
//
// Each box is compared with all that have been kept before it, one a cycle, until one covers it; what is kept is given
// at once and put into a memory of PLACES boxes with their areas. When `limit` boxes are kept, those that follow are
// taken and go. A word more, with `box_end`, ends the list and is given as one with `kept_end`; it is no box.
//
// Cycles: 8 for a box that stays, or 3 the first, and one more for each that is kept before it; less for one that goes.
module dq_head_suppression #(
    parameter int PLACES = 300,  // most boxes to keep
    parameter int CLASS = 7,     // of the number of a class
    parameter int ORDER = 16,    // of the number of a box in its list
    parameter int COUNT = $clog2(PLACES + 1)  // not to be set
) (
    input  logic             clk,
    input  logic             rst,
    input  logic [      8:0] threshold,  // of the overlap, 0 to 256
    input  logic [COUNT-1:0] limit,      // boxes to keep, PLACES at most
    // boxes
    input  logic             box_valid,
    output logic             box_ready,
    input  logic             box_end,
    input  logic [     63:0] box,        // x1 in the lowest bits, then y1, x2, y2; x1 <= x2, y1 <= y2
    input  logic [CLASS-1:0] box_class,
    // what stays
    output logic             kept_valid,
    input  logic             kept_ready,
    output logic             kept_end,
    output logic [     63:0] kept,
    output logic [CLASS-1:0] kept_class,
    output logic [ORDER-1:0] kept_order, // which of the list it is, from 0
    output logic             enough      // `limit` boxes are kept: those that follow need not come
);
  localparam int LOG_PLACES = PLACES > 1 ? $clog2(PLACES) : 1;
  localparam int ENTRY = CLASS + 32 + 64;
  localparam logic [2:0] TAKE = 3'd0, AREA = 3'd1, COMPARE = 3'd2, GIVE = 3'd3, END = 3'd4;

  logic [2:0] state;
  logic [ENTRY-1:0] boxes[0:PLACES-1];
  logic [ENTRY-1:0] entry1;
  logic [63:0] own;
  logic [CLASS-1:0] own_class;
  logic [31:0] own_area;
  logic [COUNT-1:0] count, place;
  logic [ORDER-1:0] order;
  logic asks, covered;
  logic [5:1] valid;

  // ---- a comparison: the number at the end of a name is the cycle after the place has been asked for
  logic [15:0] sides2[0:1];
  logic [31:0] area2, inter3, inter4, inter5;
  logic [32:0] areas3, union4;
  logic [40:0] scaled5;
  logic same2, same3, same4, same5;

  always_ff @(posedge clk) begin
    if (state == GIVE && kept_ready) boxes[count[LOG_PLACES-1:0]] <= {own_class, own_area, own};
    entry1  <= boxes[place[LOG_PLACES-1:0]];
    area2   <= entry1[95:64];
    same2   <= entry1[ENTRY-1:96] == own_class;
    inter3  <= 32'(sides2[0]) * 32'(sides2[1]);
    areas3  <= {1'b0, area2} + {1'b0, own_area};
    same3   <= same2;
    inter4  <= inter3;
    union4  <= areas3 - {1'b0, inter3};
    same4   <= same3;
    inter5  <= inter4;
    scaled5 <= 41'(union4) * 41'(threshold);  // below 2^41: the threshold is 256 at most
    same5   <= same4;
  end
  assign covered = valid[5] && same5 && {1'b0, inter5, 8'd0} > scaled5;

  genvar axis;
  generate
    for (axis = 0; axis < 2; axis = axis + 1) begin : axes
      logic signed [15:0] own_from, own_to, other_from, other_to, from, to;
      logic signed [16:0] side;
      assign own_from = own[16*axis+:16];
      assign own_to = own[32+16*axis+:16];
      assign other_from = entry1[16*axis+:16];
      assign other_to = entry1[32+16*axis+:16];
      assign from = own_from > other_from ? own_from : other_from;
      assign to = own_to < other_to ? own_to : other_to;
      assign side = 17'(to) - 17'(from);
      always_ff @(posedge clk) sides2[axis] <= side[16] ? '0 : side[15:0];
    end
  endgenerate

  // ---- the walk
  assign box_ready = state == TAKE;
  assign enough = count == limit;
  assign kept_valid = state == GIVE || state == END;
  assign kept_end = state == END;
  assign {kept, kept_class, kept_order} = {own, own_class, order};

  logic [15:0] own_width, own_height;
  assign own_width  = own[47:32] - own[15:0];
  assign own_height = own[63:48] - own[31:16];

  always_ff @(posedge clk) begin
    if (rst) begin
      state <= TAKE;
      count <= '0;
      order <= '0;
      asks  <= 1'b0;
      valid <= '0;
    end else begin
      valid <= {valid[4:1], asks};
      case (state)
        TAKE: begin
          place <= '0;
          own <= box;
          own_class <= box_class;
          if (box_valid) begin
            if (box_end) state <= END;
            else if (!enough) state <= AREA;
          end
        end
        AREA: begin
          own_area <= 32'(own_width) * 32'(own_height);
          asks <= count != '0;
          state <= count == '0 ? GIVE : COMPARE;
        end
        COMPARE: begin
          place <= place + 1'b1;
          if (place + 1'b1 == count) asks <= 1'b0;
          if (covered) begin
            asks  <= 1'b0;
            valid <= '0;
            order <= order + 1'b1;
            state <= TAKE;
          end else if (!asks && valid[4:1] == '0) state <= GIVE;
        end
        GIVE: begin
          if (kept_ready) begin
            count <= count + 1'b1;
            order <= order + 1'b1;
            state <= TAKE;
          end
        end
        default: begin
          if (kept_ready) begin
            count <= '0;
            order <= '0;
            state <= TAKE;
          end
        end
      endcase
    end
  end
endmodule
