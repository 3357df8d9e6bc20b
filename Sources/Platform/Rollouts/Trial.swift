import MartletFrames
import MartletIngestion
import MartletModels
import MartletRegistry
import MartletServing
import MartletWorld

/// A rollout under way, with all that is needed to share traffic by it.
final class Trial: Sendable {
    let rollout: Rollout
    let definition: RolloutDefinition
    let challenger: ServedModel
    let assignment: RolloutAssignment

    var step: RolloutDefinition.Step { definition.steps[min(rollout.step, definition.steps.count - 1)] }

    init(_ rollout: Rollout, _ definition: RolloutDefinition, challenger: ServedModel) {
        self.rollout = rollout
        self.definition = definition
        self.challenger = challenger
        assignment = RolloutAssignment(rollout: rollout.id)
    }

    /// The rows whose units are within the step's share.
    ///
    /// A row whose unit is missing is not: nothing could keep it with one version. Without units each row is drawn by itself.
    func chosen(_ rows: Frame, random: any RandomSource) -> Set<Int> {
        let share = step.share
        guard let unit = definition.unit else {
            guard share < 1 else { return Set(0..<rows.rowCount) }
            return Set((0..<rows.rowCount).filter { _ in RolloutAssignment.Draw(place: random.next(), unit: 0).isWithin(share) })
        }
        guard let column = rows[unit] else { return [] }
        return Set((0..<rows.rowCount).filter { draw(column[$0])?.isWithin(share) ?? false })
    }

    /// The draw of a unit; nil if it is missing.
    func draw(_ unit: Value) -> RolloutAssignment.Draw? {
        unit == .missing ? nil : assignment.draw("\(unit)")
    }
}
